package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/problem"
)

func formats() []string { return []string{"table", "yaml", "json", "diff", "report"} }

// hostileManifest has what moves a terminal wherever a manifest has text.
const hostileManifest = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: "web\e[31m"
  namespace: "shop\u202e"
  labels: {"team\u009b": "x\u202ey"}
  annotations:
    cert-manager.io/issuer: ca
    "cert-manager.io/durations\e": "\e[2J"
    cert-manager.io/usages: "\e[31mserver auth"
    cert-manager.io/common-name: "a\u202eb"
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: ["a.example.com", "\e[2J"], secretName: web-tls}, {hosts: [b.example.com], secretName: "\r\n\e]0;x\a"}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  labels: {team: "x\u202ey\U000e0041"}
  annotations: {cert-manager.io/issuer: ca, cert-manager.io/subject-organizations: "a\u202eb\x7f"}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [c.example.com], secretName: c-tls}]}
---
{apiVersion: "v\e[31m", kind: "K\u202e", metadata: {name: x}}
---
a: "\e[31m
---
kind: "\e[31m"
`

func TestNothingUnsafeReachesTheTerminal(t *testing.T) {
	for _, format := range formats() {
		stdout, stderr, _ := run(t, []byte(hostileManifest), "plan", "-f", "-", "-o", format, "-l", "")
		safe(t, format+" on standard output", stdout)
		safe(t, format+" on standard error", stderr)
		if !strings.Contains(stdout, "c-tls") || !strings.Contains(stderr, `\x1b`) {
			t.Errorf("%s: got\n%s%s", format, stdout, stderr)
		}
	}
	_, stderr, _ := run(t, nil, "plan", "-f", "\x1b[31m", "-o", "\x1b[2J", "\x1b]0;", "--\x1b")
	safe(t, "wrong flags", stderr)
	_, stderr, _ = run(t, nil, "\x1b[31m")
	safe(t, "a wrong command", stderr)
}

func safe(t *testing.T, what, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%s: %q at byte %d of %q", what, r, i, text)
		}
	}
}

// FuzzPlan: whatever the bytes, a plan ends, with an exit status that is documented, with
// outputs that are safe on a terminal and, as far as they are data, can be read back.
func FuzzPlan(f *testing.F) {
	examples, err := filepath.Glob("../../../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatalf("%d examples: %v", len(examples), err)
	}
	var seeds [][]byte
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, text)
	}
	seeds = append(seeds, []byte(hostileManifest))
	seeds = append(seeds, []byte("a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n"))
	seeds = append(seeds, []byte("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web-tls, managedFields: [{}, 1], ownerReferences: [x]}\nspec: [x]\nstatus: 1\n"))
	seeds = append(seeds, nil, []byte("# a comment\n---\n"))
	for _, seed := range seeds {
		for i := range formats() {
			f.Add(seed, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, chosen uint8) {
		format := formats()[int(chosen)%len(formats())]
		stdout, stderr, exit := run(t, text, "plan", "-f", "-", "-o", format)
		if exit < 0 || exit > 2 {
			t.Fatalf("exit status %d", exit)
		}
		safe(t, format, stdout)
		safe(t, format, stderr)
		if exit == 2 && stdout == "" && strings.HasSuffix(stderr, "nothing was read\n") {
			return // without a document there is no plan to print
		}
		if !strings.Contains(stderr, string(problem.InvalidField)) { // names and labels go from the sources into the manifests
			checkData(t, format, stdout)
		}
	})
}

// checkData reads an output back that is data.
func checkData(t *testing.T, format, text string) {
	t.Helper()
	switch format {
	case "json", "yaml":
		_, stderr, exit := run(t, []byte(text), "plan", "-f", "-")
		if exit != 0 && text != "" {
			t.Fatalf("what %s prints is no manifest: %s\n%s", format, stderr, text)
		}
	case "report":
		var report struct {
			Kind    string
			Sources []any
		}
		if err := json.Unmarshal([]byte(text), &report); err != nil || report.Kind != "PlanReport" || report.Sources == nil {
			t.Fatalf("no report: %v\n%s", err, text)
		}
	}
}

// mixed is a stream of n documents as charts have them: one in five is an Ingress, one in
// ten asks for a certificate, one in a hundred is wrong.
func mixed(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "---\n# Source: chart/templates/object-%d.yaml\n", i)
		switch {
		case i%10 == 0:
			duration := "2160h"
			if i%100 == 0 {
				duration = "90d"
			}
			fmt.Fprintf(&b, `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web-%[1]d
  namespace: team-%[2]d
  labels: {app.kubernetes.io/name: web, app.kubernetes.io/managed-by: Helm}
  annotations: {cert-manager.io/cluster-issuer: ca, cert-manager.io/duration: %[3]s}
spec:
  tls: [{hosts: [web-%[1]d.example.com, www.web-%[1]d.example.com], secretName: web-%[1]d-tls}]
  rules: [{host: web-%[1]d.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`, i, i%50, duration)
		case i%5 == 0:
			fmt.Fprintf(&b, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: plain-%d}\nspec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n", i)
		default:
			fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%d, labels: {app.kubernetes.io/name: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example.com/web:1", ports: [{containerPort: 8080}], env: [{name: A, value: b}]}]}
`, i)
		}
	}
	return b.Bytes()
}

func TestThousandsOfMixedDocuments(t *testing.T) {
	const documents = 5000
	stdout, stderr, exit := run(t, mixed(documents), "plan", "-f", "-", "--no-headers")
	if exit != 1 {
		t.Errorf("exit status %d, want 1", exit)
	}
	if got := strings.Count(stdout, "\n"); got != documents/10 {
		t.Errorf("%d rows, want %d", got, documents/10)
	}
	want := "1000 sources: 450 create, 50 refuse; 500 asking for nothing; 50 errors; 4000 documents of other kinds ignored: 4000 apps/v1 Deployment\n"
	if !strings.HasSuffix(stderr, want) {
		t.Errorf("got …%s", stderr[max(0, len(stderr)-300):])
	}
}

func BenchmarkPlan5000MixedDocuments(b *testing.B) {
	text := mixed(5000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, stderr, exit := run(b, text, "plan", "-f", "-"); exit != 1 {
			b.Fatalf("exit status %d: %s", exit, stderr)
		}
	}
}

// run runs one command line in this process.
func run(t testing.TB, stdin []byte, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, errOut bytes.Buffer
	exit = app.Run(context.Background(), append([]string{"certshim"}, args...), app.Streams{In: bytes.NewReader(stdin), Out: &out, ErrOut: &errOut})
	app.PrintsReport(t, out.String())
	return out.String(), errOut.String(), exit
}
