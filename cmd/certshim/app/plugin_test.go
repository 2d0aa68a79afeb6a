package app_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/plugins/plugintest"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
)

const pluginFixture = `
grant:
  kinds:
  - {group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, versions: [v1], scope: Namespaced}
  observe: Status
  defaults: [usages]
  annotations: [pki.corp.example/]
issuers:
- {kind: CorpIssuer, namespace: shop, ready: ready, unready: unready, missing: nobody, restricted: restricted}
timeout: 10s
`

// testPlugin runs the kit's command against a plugin.
func testPlugin(t *testing.T, fault faulty.Fault, arguments ...string) (status int, out, problems string) {
	t.Helper()
	socket, fixture := filepath.Join(t.TempDir(), "p.sock"), filepath.Join(t.TempDir(), "fixture.yaml")
	stop, err := faulty.New(fault).Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := os.WriteFile(fixture, []byte(pluginFixture), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	streams := app.Streams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	arguments = append([]string{"certshim", "plugin", "test", socket, "--fixture", fixture, "--quick"}, arguments...)
	return app.Run(t.Context(), arguments, streams), stdout.String(), stderr.String()
}

func TestPluginTestSaysWhatAnAuthorCanActOn(t *testing.T) {
	status, out, problems := testPlugin(t, faulty.LieAnnotation)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	verdict := lines[len(lines)-1]
	if problems != "" {
		t.Errorf("on standard error: %s", problems)
	}
	if status != 1 || !strings.HasPrefix(verdict, "NOT conformant") || !strings.Contains(verdict, "1 failed: R12") {
		t.Errorf("status %d, verdict %q", status, verdict)
	}
	for _, want := range []string{"R12  failed", "acme.cert-manager.io/http01-edit-in-place", "→ set only defaults of granted_defaults"} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}
}

func TestPluginTestOfNone(t *testing.T) {
	folder := t.TempDir()
	fixture := filepath.Join(folder, "fixture.yaml")
	if err := os.WriteFile(fixture, []byte(pluginFixture), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	streams := app.Streams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	status := app.Run(t.Context(), []string{"certshim", "plugin", "test", filepath.Join(folder, "p.sock"), "--fixture", fixture}, streams)
	if status != 2 || stdout.String() != "" || !strings.Contains(stderr.String(), "no such file or directory; start it before the test") {
		t.Errorf("status %d, out %q, error %q", status, stdout.String(), stderr.String())
	}
}

// The kit waits for a plugin that was just started.
func TestPluginTestWaitsForTheSocket(t *testing.T) {
	folder := t.TempDir()
	socket, fixture := filepath.Join(folder, "p.sock"), filepath.Join(folder, "fixture.yaml")
	if err := os.WriteFile(fixture, []byte(pluginFixture), 0o600); err != nil {
		t.Fatal(err)
	}
	started := make(chan func(), 1)
	time.AfterFunc(200*time.Millisecond, func() {
		stop, err := faulty.New(faulty.None).Start(socket)
		if err != nil {
			t.Error(err)
		}
		started <- stop
	})
	stdout, stderr, exit := run(t, nil, "plugin", "test", socket, "--fixture", fixture, "--quick")
	if exit == 2 || !strings.Contains(stdout, "H1   passed") {
		t.Errorf("exit status %d: %s%s", exit, stdout, stderr)
	}
	if stop := <-started; stop != nil {
		stop()
	}
}

func TestPluginTestSaysWhatIsMissing(t *testing.T) {
	_, stderr, exit := run(t, nil, "plugin", "test", "-o", "csv")
	want := "error: name one SOCKET on which the plugin listens, not 0: certshim plugin test SOCKET --fixture FILE\n" +
		"error: --fixture is needed: the file that says which issuers the plugin knows\n" +
		"error: --output is \"csv\", must be one of table, json, junit\n"
	if exit != 2 || stderr != want {
		t.Errorf("exit status %d, got\n%s", exit, stderr)
	}
}

func TestPluginTestNamesTheFixturesLines(t *testing.T) {
	fixture := filepath.Join(t.TempDir(), "fixture.yaml")
	if err := os.WriteFile(fixture, []byte(pluginFixture+"chnage: x\nends: y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	streams := app.Streams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	status := app.Run(t.Context(), []string{"certshim", "plugin", "test", "p.sock", "--fixture", fixture}, streams)
	if want := "error: " + fixture + `:11: unknown field "chnage", did you mean "change"?` + "\nerror: " + fixture + `:12: unknown field "ends"; the fields here are change, grant, issuers, output, restart, stop, storm, timeout` + "\n"; status != 2 || stderr.String() != want {
		t.Errorf("status %d, error %q, want %q", status, stderr.String(), want)
	}
}

func TestPluginTestOfASoundOne(t *testing.T) {
	status, out, verdict := testPlugin(t, faulty.None, "-o", "json")
	var report plugintest.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if status != 0 || !report.Conformant() || report.Plugin != "corp-ca" || !strings.HasPrefix(verdict, "conformant") {
		t.Errorf("status %d, verdict %q", status, verdict)
	}
}

func TestPluginTestForCI(t *testing.T) {
	status, out, verdict := testPlugin(t, faulty.LieAnnotation, "-o", "junit")
	var report struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if status != 1 || len(report.Suites) != 1 || report.Suites[0].Failures != 1 || report.Suites[0].Tests != len(plugintest.Cases()) {
		t.Errorf("status %d, verdict %q, %+v", status, verdict, report)
	}
	if status, _, problems := testPlugin(t, faulty.None, "-o", "xml"); status != 2 || !strings.Contains(problems, "table, json, junit") {
		t.Errorf("status %d, %q", status, problems)
	}
}

const pluginConfiguration = `apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
resolvers:
  plugins:
  - name: corp-ca
    socket: /run/certshim/corp-ca/plugin.sock
    grant:
      kinds:
      - {group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, versions: [v1], scope: Namespaced}
      defaults: [usages]
`

const corpIngress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {namespace: shop, name: web, annotations: {cert-manager.io/issuer: web, cert-manager.io/issuer-kind: CorpIssuer}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}, tls: [{hosts: [web.example.com], secretName: web-tls}]}
`

// A plan needs no socket: it knows the kinds that a plugin is granted, and says what it
// can't know.
func TestAPlanAsksNoPlugin(t *testing.T) {
	folder := t.TempDir()
	configuration, manifest := filepath.Join(folder, "c.yaml"), filepath.Join(folder, "web.yaml")
	for file, text := range map[string]string{configuration: pluginConfiguration, manifest: corpIngress} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	streams := app.Streams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	status := app.Run(t.Context(), []string{"certshim", "plan", "-f", manifest, "--config", configuration, "-o", "yaml"}, streams)
	if status != 0 || !strings.Contains(stdout.String(), "group: pki.corp.example") {
		t.Errorf("status %d:\n%s%s", status, stdout.String(), stderr.String())
	}
	const note = "note: the plugin corp-ca isn't asked, so that it isn't known what it says of issuers of kind CorpIssuer"
	if !strings.Contains(stderr.String(), note) {
		t.Errorf("it doesn't say what it can't know:\n%s", stderr.String())
	}
}
