package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

const (
	taken   = 100
	ignored = 25
)

// snapshot is what must not change when a Certificate is taken over.
type snapshot struct {
	specs   map[string]any
	secrets map[string]any
	// requests are the CertificateRequests' names, by that of their Certificate.
	requests map[string][]string
}

func (d *deployed) snapshot(t *testing.T, namespace string) snapshot {
	t.Helper()
	s := snapshot{specs: map[string]any{}, secrets: map[string]any{}, requests: map[string][]string{}}
	for _, certificate := range d.list(t, namespace) {
		s.specs[certificate.GetName()] = certificate.Object["spec"]
	}
	requests := d.Watch(t, cluster.CertificateRequests(), namespace).State()
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		certificate := requests[name].GetAnnotations()["cert-manager.io/certificate-name"]
		s.requests[certificate] = append(s.requests[certificate], name)
	}
	for name, secret := range d.Watch(t, cluster.Secrets(), namespace).State() {
		// cert-manager keeps a key in an Opaque one while it waits for the signature.
		if field(secret, "type") == "kubernetes.io/tls" {
			s.secrets[name] = secret.Object["data"]
		}
	}
	return s
}

// same fails for every Certificate that changed, but for those with the names given.
func (s snapshot) same(t *testing.T, now snapshot, but func(name string) bool) {
	t.Helper()
	for name, spec := range s.specs {
		if !but(name) && !reflect.DeepEqual(spec, now.specs[name]) {
			t.Errorf("spec of %s changed:\n%v\n%v", name, spec, now.specs[name])
		}
	}
	for name, data := range s.secrets {
		if !but(name) && !reflect.DeepEqual(data, now.secrets[name]) {
			t.Errorf("Secret %s changed", name)
		}
	}
	for certificate, requests := range now.requests {
		_, known := s.specs[certificate]
		if known && !but(certificate) && !slices.Equal(s.requests[certificate], requests) {
			t.Errorf("%s was issued again: CertificateRequests %v, had %v", certificate, requests, s.requests[certificate])
		}
	}
}

func none(string) bool { return false }

// byShim has cert-manager's real shims write Certificates and waits until all are signed: many for Ingresses, and one for an object of each other
// kind that a shim reads.
func (d *deployed) byShim(t *testing.T, mode cluster.ShimMode) (namespace string, ca cluster.Authority) {
	t.Helper()
	namespace = d.Namespace(t)
	ca = d.Issuer(t, namespace, "ca")
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	d.StartShim(t, mode)
	for i := range taken {
		set := annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h", "cert-manager.io/private-key-algorithm": "ECDSA"}
		d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), set, fmt.Sprintf("web-%d.example.com", i)))
	}
	allSigned(t, secrets, ca, taken)
	d.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca"}, "edge.example.com"))
	secrets.Signed(t, "edge-tls", ca, "edge.example.com")
	if slices.Contains(d.Shims(t), cluster.ListenerSetShim) {
		d.Apply(t, namespace, listenerSet("team", "edge", annotations{issuerKey: "ca"}, "team.example.com"))
		secrets.Signed(t, "team-tls", ca, "team.example.com")
	}
	if mode == cluster.ShimApplies {
		// An edit makes the shim apply, so that there is an Apply entry beside that of its create.
		d.edited(t, namespace)
		allSigned(t, secrets, ca, taken)
	}
	return namespace, ca
}

// edited changes the last Ingress in a way that the shim carries out.
func (d *deployed) edited(t *testing.T, namespace string) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	last := fmt.Sprintf("web-%d", taken-1)
	d.patch(t, ingresses, namespace, last, `{"metadata":{"labels":{"edited":"yes"}}}`)
	certificates.Object(t, last+"-tls", "to be edited by the shim", func(c *unstructured.Unstructured) bool { return c.GetLabels()["edited"] == "yes" })
}

func isIgnored(certificate string) bool {
	var index int
	_, err := fmt.Sscanf(certificate, "web-%d-tls", &index)
	return err == nil && index < ignored
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]cluster.ShimMode{"written by Update": cluster.ShimUpdates, "written by server-side apply": cluster.ShimApplies} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDeployed(t)
			namespace, ca := d.byShim(t, mode)
			d.ignoredEdits(t, namespace)
			d.StopShim(t)
			before := d.snapshot(t, namespace)

			d.planLists(t, namespace)
			d.takesOver(t, namespace, before)
			d.paces(t, namespace, before)
			d.changesArrive(t, namespace, ca)
			d.handsBack(t, namespace, mode)
		})
	}
}

// ignoredEdits are edits that cert-manager's shim doesn't carry out: usages.
func (d *deployed) ignoredEdits(t *testing.T, namespace string) {
	t.Helper()
	usages := "server auth"
	for i := range ignored {
		d.annotate(t, ingresses, namespace, fmt.Sprintf("web-%d", i), "cert-manager.io/usages", &usages)
	}
}

// planLists checks that plan shows, before anything runs, what would change.
func (d *deployed) planLists(t *testing.T, namespace string) {
	t.Helper()
	changes := 0
	for _, source := range d.plan(t, namespace).Sources {
		for _, certificate := range source.Certificates {
			if isIgnored(certificate.Name) && certificate.Action == "apply" && certificate.Reissue == "yes" {
				changes++
			}
		}
	}
	if changes != ignored {
		t.Errorf("plan lists %d changes that lead to a new certificate, want %d", changes, ignored)
	}
}

type report struct {
	Sources []struct {
		Certificates []struct{ Name, Action, Reissue string }
	}
}

func (d *deployed) plan(t *testing.T, namespace string) report {
	t.Helper()
	run := d.planOf(t, "-n", namespace, "-o", "report")
	var got report
	if err := json.Unmarshal([]byte(run.stdout), &got); err != nil {
		t.Fatalf("plan -o report: %v\n%s\n%s", err, run.stdout, run.stderr)
	}
	return got
}

// takesOver runs certshim with no change allowed: all become ours, and nothing changes.
func (d *deployed) takesOver(t *testing.T, namespace string, before snapshot) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.startFor(t, "careful", "--leader-elect=false", "--config="+configuration(t, 0))
	certificates.Until(t, "the unchanged ones to be taken over", func(state cluster.State) bool {
		for name, certificate := range state {
			if !isIgnored(name) && name != "ca-ca" && !onlyOurs(certificate) {
				return false
			}
		}
		return true
	})
	d.settled(t, namespace)
	before.same(t, d.snapshot(t, namespace), none)
	d.stop("careful")
}

// onlyOurs says whether no field manager of cert-manager's shims is left.
func onlyOurs(certificate *unstructured.Unstructured) bool {
	ours := false
	for _, entry := range certificate.GetManagedFields() {
		switch entry.Manager {
		case "cert-manager-ingress-shim", "cert-manager-gateway-shim", "cert-manager-listenerset":
			return false
		case "certshim":
			ours = entry.Operation == "Apply"
		}
	}
	return ours
}

// paces lets four changes a minute happen, one after the other, sees that no two do at once, and then lets all happen.
func (d *deployed) paces(t *testing.T, namespace string, before snapshot) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.startFor(t, "slow", "--leader-elect=false", "--config="+configuration(t, 4))
	certificates.Until(t, "one change", func(state cluster.State) bool { return changed(state, before) >= 1 })
	if got := changed(certificates.State(), before); got != 1 {
		t.Errorf("%d changes at once, want one after the other", got)
	}
	d.stop("slow")
	d.startFor(t, "quick", "--leader-elect=false", "--config="+configuration(t, 100_000))
	certificates.Until(t, "all ignored edits to arrive", func(state cluster.State) bool { return changed(state, before) == ignored })
}

func changed(state cluster.State, before snapshot) int {
	count := 0
	for name, spec := range before.specs {
		if certificate := state[name]; certificate != nil && !reflect.DeepEqual(certificate.Object["spec"], spec) {
			count++
		}
	}
	return count
}

// changesArrive checks an edit and a removed annotation on a Certificate taken over.
func (d *deployed) changesArrive(t *testing.T, namespace string, ca cluster.Authority) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	name := fmt.Sprintf("web-%d", ignored)
	altNames := "other.example.com"
	d.annotate(t, ingresses, namespace, name, "cert-manager.io/alt-names", &altNames)
	secrets.Signed(t, name+"-tls", ca, name+".example.com", altNames)
	d.annotate(t, ingresses, namespace, name, "cert-manager.io/duration", nil)
	certificates.Object(t, name+"-tls", "to lose its duration", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == nil })
}

// handsBack runs the shim again in certshim's place: nothing changes.
func (d *deployed) handsBack(t *testing.T, namespace string, mode cluster.ShimMode) {
	t.Helper()
	for name := range d.running {
		d.stop(name)
	}
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	certificates.Until(t, "all to be ready", func(state cluster.State) bool {
		for _, certificate := range state {
			if !ready(certificate) {
				return false
			}
		}
		return true
	})
	before := d.snapshot(t, namespace)
	d.StartShim(t, mode)
	d.Apply(t, namespace, ingress("by-the-shim", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "by-the-shim-tls", "to be made by the shim", exists)
	before.same(t, d.snapshot(t, namespace), none)
	d.StopShim(t)
}

func ready(certificate *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(certificate.Object, "status", "conditions")
	for _, condition := range conditions {
		if c, ok := condition.(map[string]any); ok && c["type"] == "Ready" {
			return c["status"] == "True"
		}
	}
	return false
}

// configuration writes a file with the pace of the take-over.
func configuration(t *testing.T, changesPerMinute int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certshim.yaml")
	content := fmt.Sprintf("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\ntakeover:\n  changesPerMinute: %d\n", changesPerMinute)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Both run. So that it is the same each time, certshim is paused while cert-manager's shim
// writes what certshim has already taken over.
func TestBothRunningCertshimStepsBack(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.StartShim(t, cluster.ShimUpdates)
	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be written by the shim", exists)
	certshim := d.startFor(t, "certshim", "--leader-elect=false")
	certificates.Object(t, "web-tls", "to be taken over", onlyOurs)

	if err := certshim.Pause(); err != nil {
		t.Fatal(err)
	}
	d.untilLater(t, namespace, "web-tls")
	label := func(value string) {
		t.Helper()
		d.patch(t, ingresses, namespace, "web", fmt.Sprintf(`{"metadata":{"labels":{"edit":%q}}}`, value))
		certificates.Object(t, "web-tls", "to get the label "+value+" by the shim", func(c *unstructured.Unstructured) bool {
			return c.GetLabels()["edit"] == value && !onlyOurs(c)
		})
	}
	label("first")
	if err := certshim.Resume(); err != nil {
		t.Fatal(err)
	}
	event := awaitWarning(t, events, "web", "OtherShimActive")
	wantIn(t, fmt.Sprint(field(event, "note")), "cert-manager-ingress-shim", "--controllers")

	label("second")
	d.settled(t, namespace)
	if onlyOurs(d.certificate(t, namespace, "web-tls")) {
		t.Error("certshim wrote the Certificate that it had left to the shim")
	}
}

// untilLater waits until what is written now has a later time than everything recorded so
// far: managedFields know seconds, and what a shim writes within the second of the
// take-over looks as if it were older.
func (d *deployed) untilLater(t *testing.T, namespace, name string) {
	t.Helper()
	var last time.Time
	for _, entry := range d.certificate(t, namespace, name).GetManagedFields() {
		if entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	if err := cluster.Poll(t.Context(), "the next second", func(context.Context) (bool, error) { return time.Now().Unix() > last.Unix(), nil }); err != nil {
		t.Fatal(err)
	}
}

// With takeover.mode manual the controller leaves alone what the shim made, whatever becomes of its object, and
// makes what is new. Once adopted, it keeps that up to date.
func TestTakeOverByHand(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.StartShim(t, cluster.ShimUpdates)
	for _, name := range []string{"web", "dropped"} {
		d.Apply(t, namespace, ingress(name, annotations{issuerKey: "ca"}, name+".example.com"))
	}
	for _, name := range []string{"web-tls", "dropped-tls"} {
		certificates.Object(t, name, "to be ready", isReady)
	}
	d.StopShim(t)
	before := d.snapshot(t, namespace)

	file := filepath.Join(t.TempDir(), "certshim.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\ntakeover: {mode: manual}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file)
	d.patch(t, ingresses, namespace, "web", `{"metadata":{"annotations":{"cert-manager.io/renew-before":"300h","certshim.io/deletion-policy":"retain"}}}`)
	d.patch(t, ingresses, namespace, "dropped", `{"spec":{"tls":[]}}`)
	d.settled(t, namespace)
	events.Until(t, "it to be told", func(cluster.State) bool { return len(told(events, "web", "LeftToAdopt")) > 0 })
	for _, c := range d.list(t, namespace) {
		// settled-tls is new; of the rest cert-manager alone may have written a status.
		if managers := managersOf(&c); c.GetName() != "settled-tls" && slices.Contains(managers, "certshim Apply") || c.GetGeneration() != 1 {
			t.Errorf("%s was written: generation %d, held by %v", c.GetName(), c.GetGeneration(), managers)
		}
	}
	if notes := told(events, "web", "LeftToAdopt"); len(notes) != 1 {
		t.Errorf("told %q", notes)
	}
	if said := d.run(t, "plan", "-n", namespace, "--config="+file, "-o", "report").stdout; !strings.Contains(said, `"cause": "left-to-adopt"`) {
		t.Errorf("plan says\n%s", said)
	}

	d.adopt(t, "ingress/web", "-n", namespace, "--yes", "--config="+file).says(t, 0, "1 adopted")
	certificates.Object(t, "web-tls", "to have what was edited", func(c *unstructured.Unstructured) bool { return field(c, "spec|renewBefore") == "300h0m0s" })
	d.patch(t, ingresses, namespace, "web", `{"metadata":{"annotations":{"cert-manager.io/renew-before":"200h"}}}`)
	certificates.Object(t, "web-tls", "to be kept up to date", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|renewBefore") == "200h0m0s" && len(c.GetOwnerReferences()) == 0
	})
	d.settled(t, namespace)
	d.issuedNothing(t, namespace, before)
	neverGone(t, certificates)
}
