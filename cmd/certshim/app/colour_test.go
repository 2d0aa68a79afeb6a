package app_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/certshim/certshim/cmd/certshim/app"
)

func TestWhereColourIs(t *testing.T) {
	for name, test := range map[string]struct {
		choice   string
		terminal bool
		env      map[string]string
		want     bool
	}{
		"auto on a terminal":              {"auto", true, nil, true},
		"auto elsewhere":                  {"auto", false, nil, false},
		"auto, NO_COLOR":                  {"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		"auto, NO_COLOR of any value":     {"auto", true, map[string]string{"NO_COLOR": "0"}, false},
		"auto, an empty NO_COLOR":         {"auto", true, map[string]string{"NO_COLOR": ""}, true},
		"auto, a dumb terminal":           {"auto", true, map[string]string{"TERM": "dumb"}, false},
		"auto, another terminal":          {"auto", true, map[string]string{"TERM": "xterm"}, true},
		"auto elsewhere, TERM":            {"auto", false, map[string]string{"TERM": "xterm"}, false},
		"always elsewhere":                {"always", false, nil, true},
		"always wins over NO_COLOR":       {"always", false, map[string]string{"NO_COLOR": "1"}, true},
		"always wins over dumb terminals": {"always", true, map[string]string{"TERM": "dumb"}, true},
		"never on a terminal":             {"never", true, map[string]string{"TERM": "xterm"}, false},
		"a value that is refused":         {"sometimes", true, nil, false},
	} {
		getenv := func(key string) string { return test.env[key] }
		if got := app.WantsColour(test.choice, test.terminal, getenv); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}

// ours are the escape sequences that certshim writes itself, in pairs on one line.
var ours = regexp.MustCompile("\x1b\\[(?:2|31|32|33|36)m([^\x1b\n]*)\x1b\\[0m")

// hostile has escape sequences wherever an object may hold text; the second document can't be read.
const hostile = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: "we\e[31mb"
  namespace: "sh\e[0mop"
  annotations: {cert-manager.io/issuer: "c\e[32ma", cert-manager.io/duration: "9\e[33m0d"}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: ["a\e[34m.example.com"], secretName: "web\e[35m-tls"}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, annotations: {cert-manager.io/issuer: "c\e[32ma", cert-manager.io/private-key-size: "\e[36m"}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [a.example.com], secretName: "web\u009b31m-tls"}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: gone, namespace: shop, uid: "4", annotations: {cert-manager.io/issuer: ca}}
spec: {rules: [{host: gone.example.com}]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: gone-tls
  namespace: shop
  ownerReferences: [{apiVersion: networking.k8s.io/v1, kind: Ingress, name: gone, uid: "4", controller: true, blockOwnerDeletion: true}]
spec:
  dnsNames: ["gone\e[31m.example.com"]
  issuerRef: {group: cert-manager.io, kind: Issuer, name: "c\u009b32ma"}
  secretName: gone-tls
---
"er\e[31mror:": "\e[36m
`

// Without its escape sequences, what is in colour is what is printed otherwise, so that columns are
// where they were and objects bring none. Programs get none at all.
func TestColourOnlyAddsItsOwnSequences(t *testing.T) {
	for _, input := range []string{hostile, someNamespaces} {
		for format, coloured := range map[string]bool{"table": true, "diff": true, "yaml": false, "json": false, "report": false} {
			plainOut, plainErr, _ := run(t, []byte(input), "plan", "-f", "-", "-o", format, "--color=never")
			out, errOut, _ := run(t, []byte(input), "plan", "-f", "-", "-o", format, "--color=always")
			if strings.Contains(plainOut+plainErr, "\x1b") {
				t.Errorf("%s, never: there is an escape sequence in %q", format, plainOut+plainErr)
			}
			if !coloured && out != plainOut {
				t.Errorf("%s: got %q, want %q", format, out, plainOut)
			}
			if got := ours.ReplaceAllString(out, "$1"); got != plainOut {
				t.Errorf("%s: got %q, want %q", format, got, plainOut)
			}
			if got := ours.ReplaceAllString(errOut, "$1"); got != plainErr {
				t.Errorf("%s, standard error: got %q, want %q", format, got, plainErr)
			}
		}
	}
}

// The list of issuers has its colours in the same way: what is installed, what isn't, and where not all
// issuers are ready.
func TestIssuersInColour(t *testing.T) {
	_, cluster := serveDocuments(t, someIssuers)
	plain, _, _ := run(t, nil, "issuers", cluster, "--color=never")
	coloured, _, exit := run(t, nil, "issuers", cluster, "--color=always")
	if got := ours.ReplaceAllString(coloured, "$1"); exit != 0 || got != plain {
		t.Errorf("exit status %d, got %q, want %q", exit, got, plain)
	}
	for _, want := range []string{
		" Namespaced  \x1b[32myes\x1b[0m        2        \x1b[33m1\x1b[0m      0 ",
		" Cluster     \x1b[32myes\x1b[0m        1        1      0 ", "\x1b[2mno\x1b[0m         -        -      0 ",
	} {
		if !strings.Contains(coloured, want) {
			t.Errorf("no %q in the list", want)
		}
	}
	if data, _, _ := run(t, nil, "issuers", cluster, "--color=always", "-o", "yaml"); strings.Contains(data, "\x1b") {
		t.Errorf("data has colour: %q", data)
	}
}
