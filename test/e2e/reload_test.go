package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

const corpIssuer = `
apiVersion: pki.corp.example/v1
kind: CorpIssuer
metadata: {name: corp}
status: {conditions: [{type: Ready, status: "True"}, {type: Sealed, status: "True"}]}
`

const corpType = `apiVersion: certshim.io/v1alpha1
kind: IssuerType
metadata: {name: corp-ca}
spec:
  title: Corp CA
  group: pki.corp.example
  versions: [v1]
  kinds: [{kind: CorpIssuer, resource: corpissuers, scope: Namespaced}]
`

// Files of issuer types are followed while certshim runs: what they refuse and what they copy,
// and how they tell that an issuer is ready. A file that can't be used changes nothing.
func TestFilesOfIssuerTypesAreReadAnew(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	d.define(t, cluster.CorpIssuers)
	d.allow(t, "pki.corp.example", "corpissuers")
	file := filepath.Join(t.TempDir(), "corp.yaml")
	write := func(more string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(corpType+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("  constraints: {sans: {allowed: [IP], verdict: Refuse}}\n")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.Apply(t, namespace, corpIssuer)
	d.startFor(t, "certshim", "--leader-elect=false", "--issuers="+file)
	corp := annotations{
		issuerKey: "corp", "cert-manager.io/issuer-kind": "CorpIssuer", "cert-manager.io/issuer-group": "pki.corp.example",
		"pki.corp.example/profile": "web",
	}
	d.Apply(t, namespace, ingress("web", corp, "a.example.com"))
	awaitWarning(t, events, "web", "IssuerCannotIssue")

	write("  anotations: []\n")
	d.untilMetric(t, "certshim_issuer_types_last_reload_successful 0")
	d.Apply(t, namespace, ingress("second", corp, "b.example.com"))
	awaitWarning(t, events, "second", "IssuerCannotIssue")

	write(`  annotations: [{key: pki.corp.example/profile, doc: "The profile that signs."}]
  readiness: {condition: {type: Sealed, status: "False"}}
`)
	for _, name := range []string{"web-tls", "second-tls"} {
		certificates.Object(t, name, "to be made, with the annotation that the issuer reads", func(c *unstructured.Unstructured) bool {
			return field(c, "metadata|annotations|pki.corp.example/profile") == "web"
		})
	}
	d.untilMetric(t, "certshim_issuer_types_last_reload_successful 1")
	awaitWarning(t, events, "web", "IssuerNotReady")
	d.settled(t, namespace)
	if got := len(d.list(t, namespace)); got != 3 {
		t.Errorf("there are %d Certificates", got)
	}
}
