package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// Thirty Certificates move to another issuer because the operator's policy names another one. None
// moves while no change is allowed, nor in the first minute of one a minute; an object that somebody edits, and a first
// certificate, don't wait for that.
func TestPolicyChangesWaitAndEditsDoNot(t *testing.T) {
	t.Parallel()
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
	var waits string
	for name, certificate := range certificates.State() {
		if field(certificate, "spec|issuerRef|name") == "old" {
			waits = name[:len(name)-len("-tls")]
		}
	}
	d.editAndMake(t, namespace, certificates, waits, "made-while-slow")
	if got := moved(certificates.State()); got != 4 {
		t.Errorf("%d Certificates have the new issuer, want 4, as the first that waits has its turn after a minute", got)
	}
	d.stop("slow")

	d.sharesTheBudget(t, namespace, certificates, moved)

	d.startFor(t, "quick", "--leader-elect=false", "--config="+issuerPolicy(t, "new", 100_000))
	certificates.Until(t, "all to move", func(state cluster.State) bool { return moved(state) == count+2 })
	for name, certificate := range certificates.State() {
		if specs := certificate.GetGeneration(); specs > 2 {
			t.Errorf("Certificate %s had %d specs, want one for each issuer", name, specs)
		}
	}
	d.stop("quick")

	d.tiesGoAhead(t, certificates, moved)
}

// tiesGoAhead lets all Certificates outlive their Ingresses, and takes that back in the same change that asks for another issuer: owner
// references come back at once, and each new certificate waits for its turn.
func (d *deployed) tiesGoAhead(t *testing.T, certificates *cluster.Watch, moved func(cluster.State) int) {
	t.Helper()
	before := moved(certificates.State())
	until := func(what string, owners int) {
		certificates.Until(t, what, func(state cluster.State) bool {
			for _, certificate := range state {
				if len(certificate.GetOwnerReferences()) != owners || (certificate.GetAnnotations()[tieKey] == "") != (owners == 1) {
					return false
				}
			}
			return true
		})
	}
	d.startFor(t, "retaining", "--leader-elect=false", "--config="+issuerPolicy(t, "new", 1, "deletionPolicy: retain"))
	until("all to outlive their Ingresses", 0)
	d.stop("retaining")
	d.startFor(t, "back", "--leader-elect=false", "--config="+issuerPolicy(t, "old", 1))
	until("all to have their owner again", 1)
	if got := moved(certificates.State()); got < before-1 {
		t.Errorf("%d of %d Certificates have the issuer that they had, want all but one, whose turn may have come", got, before)
	}
}

// sharesTheBudget lets a leader be killed after two changes. The other one goes on, and both together keep to the pace.
func (d *deployed) sharesTheBudget(t *testing.T, namespace string, certificates *cluster.Watch, moved func(cluster.State) int) {
	t.Helper()
	const perMinute, apart = 6, 10 * time.Second
	flags := []string{
		"--config=" + issuerPolicy(t, "new", perMinute), "--leader-election-lease-duration=5s", "--leader-election-renew-deadline=4s",
		"--leader-election-retry-period=1s",
	}
	before := certificates.State()
	first := d.startFor(t, "first leader", flags...)
	certificates.Until(t, "two to have their turn", func(state cluster.State) bool { return moved(state) == moved(before)+2 })
	d.startFor(t, "second leader", flags...)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	certificates.Until(t, "one more to have its turn by the second leader", func(state cluster.State) bool { return moved(state) >= moved(before)+3 })
	d.stop("second leader")
	var turns []time.Time
	for _, certificate := range d.list(t, namespace) {
		if was := before[certificate.GetName()]; was != nil && was.GetGeneration() != certificate.GetGeneration() {
			turns = append(turns, appliedAt(&certificate))
		}
	}
	slices.SortFunc(turns, time.Time.Compare)
	// The API server notes whole seconds.
	if len(turns) < 3 || turns[2].Sub(turns[1]) < apart-time.Second {
		t.Errorf("changes at %v, want the third, which is the second leader's, at least %s after the first leader's last", turns, apart)
	}
}

// appliedAt is when certshim applied to a Certificate last.
func appliedAt(certificate *unstructured.Unstructured) time.Time {
	for _, entry := range certificate.GetManagedFields() {
		if entry.Manager == "certshim" && entry.Time != nil {
			return entry.Time.Time
		}
	}
	return time.Time{}
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

// issuerPolicy writes a file with the issuer of objects that name none, the pace, and whatever there is to say of ownership.
func issuerPolicy(t *testing.T, issuer string, changesPerMinute int, ownership ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certshim.yaml")
	content := fmt.Sprintf(`apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
takeover: {changesPerMinute: %d}
ownership: {%s}
policies:
  - name: everything
    issuer: {name: %s, kind: Issuer}
`, changesPerMinute, strings.Join(ownership, ", "), issuer)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
