package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// Thirty Certificates move to another issuer because the operator's policy names another one. None
// moves while no change is allowed, then one a minute; an object that somebody edits, and a first
// certificate, don't wait for that.
func TestPolicyChangesWaitAndEditsDoNot(t *testing.T) {
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	for _, issuer := range []string{"old", "new"} {
		d.Apply(t, namespace, fmt.Sprintf("apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: %s}\nspec: {selfSigned: {}}\n", issuer))
	}
	const count = 30
	asks := annotations{"kubernetes.io/tls-acme": "true"}
	for n := range count {
		name := fmt.Sprintf("web-%d", n)
		d.Apply(t, namespace, ingress(name, asks, name+".example.com"))
	}
	moved := func(state cluster.State) (n int) {
		for _, certificate := range state {
			if field(certificate, "spec|issuerRef|name") == "new" {
				n++
			}
		}
		return n
	}
	d.startFor(t, "first", "--leader-elect=false", "--config="+issuerPolicy(t, "old", 10))
	certificates.Until(t, "all to be made", func(state cluster.State) bool { return len(state) == count })
	d.stop("first")

	d.startFor(t, "held", "--leader-elect=false", "--config="+issuerPolicy(t, "new", 0))
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "web-7", "ChangesHeld"), "note")), "Certificate web-7-tls", "takeover.changesPerMinute is 0")
	d.editAndMake(t, namespace, certificates, "web-3", "made-while-held")
	if got := moved(certificates.State()); got != 2 {
		t.Errorf("%d Certificates have the new issuer, want the one that was edited and the one that was made", got)
	}
	run := d.planOf(t, "-n", namespace, "--config="+issuerPolicy(t, "new", 5))
	wantIn(t, run.stderr, "new certificates by issuer: Issuer/new 29; 29 of them at takeover.changesPerMinute, which is 5")
	d.stop("held")

	d.startFor(t, "slow", "--leader-elect=false", "--config="+issuerPolicy(t, "new", 1))
	certificates.Until(t, "the first to have its turn", func(state cluster.State) bool { return moved(state) == 3 })
	var waits string
	for name, certificate := range certificates.State() {
		if field(certificate, "spec|issuerRef|name") == "old" {
			waits = name[:len(name)-len("-tls")]
		}
	}
	d.editAndMake(t, namespace, certificates, waits, "made-while-slow")
	if got := moved(certificates.State()); got != 5 {
		t.Errorf("%d Certificates have the new issuer, want 5", got)
	}
	d.stop("slow")

	d.startFor(t, "quick", "--leader-elect=false", "--config="+issuerPolicy(t, "new", 100_000))
	certificates.Until(t, "all to move", func(state cluster.State) bool { return moved(state) == count+2 })
}

// editAndMake edits one Ingress and makes another, and waits for both Certificates.
func (d *deployed) editAndMake(t *testing.T, namespace string, certificates *cluster.Watch, edited, made string) {
	t.Helper()
	altName := "edited.example.com"
	d.annotate(t, ingresses, namespace, edited, "cert-manager.io/alt-names", &altName)
	certificates.Object(t, edited+"-tls", "to follow the edit", func(c *unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedStringSlice(c.Object, "spec", "dnsNames")
		return len(names) == 2 && field(c, "spec|issuerRef|name") == "new"
	})
	d.Apply(t, namespace, ingress(made, annotations{"kubernetes.io/tls-acme": "true"}, made+".example.com"))
	certificates.Object(t, made+"-tls", "to be made", exists)
}

// issuerPolicy writes a file with the issuer of objects that name none, and the pace.
func issuerPolicy(t *testing.T, issuer string, changesPerMinute int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certshim.yaml")
	content := fmt.Sprintf(`apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
takeover: {changesPerMinute: %d}
policies:
  - name: everything
    issuer: {name: %s, kind: Issuer}
`, changesPerMinute, issuer)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
