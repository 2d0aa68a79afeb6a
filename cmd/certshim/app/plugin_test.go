package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/plugins/plugintest"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
)

const pluginFixture = `
grant:
  kinds:
  - {group: pki.corp.example, kind: CorpIssuer, resource: corpissuers, scope: Namespaced}
  defaults: [usages]
  annotations: [pki.corp.example/]
issuers:
- {kind: CorpIssuer, namespace: shop, ready: ready, unready: unready, missing: nobody, restricted: restricted}
`

// testPlugin runs the kit's command against a plugin.
func testPlugin(t *testing.T, fault faulty.Fault, arguments ...string) (status int, out, problems string) {
	t.Helper()
	folder := t.TempDir()
	socket, fixture := filepath.Join(folder, "p.sock"), filepath.Join(folder, "fixture.yaml")
	stop, err := faulty.New(fault).Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := os.WriteFile(fixture, []byte(pluginFixture), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	arguments = append([]string{"certshim", "plugin", "test", socket, "--fixture", fixture, "--quick"}, arguments...)
	return app.Run(t.Context(), arguments, streams), stdout.String(), stderr.String()
}

func TestPluginTestSaysWhatAnAuthorCanActOn(t *testing.T) {
	status, out, verdict := testPlugin(t, faulty.LieAnnotation)
	if status != 1 || !strings.HasPrefix(verdict, "NOT conformant") || !strings.Contains(verdict, "1 failed: R12") {
		t.Errorf("status %d, verdict %q", status, verdict)
	}
	for _, want := range []string{"R12  failed", "acme.cert-manager.io/http01-edit-in-place", "→ set only defaults of granted_defaults"} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
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
