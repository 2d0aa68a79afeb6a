package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/certshim/certshim/test/cluster"
)

// adoptions is how many Certificates of cert-manager's shim are adopted, half of each of its modes.
var adoptions = flag.Int("adoptions", 50, "how many Certificates of cert-manager's shim are adopted and released")

// adopt runs adopt against the cluster.
func (d *deployed) adopt(t *testing.T, arguments ...string) printed {
	t.Helper()
	return d.run(t, append([]string{"adopt"}, arguments...)...)
}

// byShimInBothModes has cert-manager's real shim write Certificates, the second half by server-side
// apply, and waits until all are signed.
func (d *deployed) byShimInBothModes(t *testing.T, namespace string, ca cluster.Authority) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	secrets := d.Watch(t, cluster.Secrets(), namespace)
	set := annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h", "cert-manager.io/private-key-algorithm": "ECDSA"}
	half := *adoptions / 2
	write := func(from, to int) {
		for i := from; i < to; i++ {
			d.Apply(t, namespace, ingress(fmt.Sprintf("web-%d", i), set, fmt.Sprintf("web-%d.example.com", i)))
		}
	}
	d.StartShim(t, cluster.ShimUpdates)
	write(0, half)
	allSigned(t, secrets, ca, half)
	d.StopShim(t)
	d.StartShim(t, cluster.ShimApplies)
	write(half, *adoptions)
	allSigned(t, secrets, ca, *adoptions)
	// An edit makes the shim apply, so that there is an Apply entry beside that of its create.
	for i := half; i < *adoptions; i++ {
		d.patch(t, ingresses, namespace, fmt.Sprintf("web-%d", i), `{"metadata":{"labels":{"edited":"yes"}}}`)
	}
	certificates.Until(t, "the shim to apply its own", func(state cluster.State) bool {
		applied := 0
		for _, c := range state {
			if slices.ContainsFunc(managersOf(c), func(m string) bool { return m == "cert-manager-ingress-shim Apply" }) {
				applied++
			}
		}
		return applied == *adoptions-half
	})
	certificates.Until(t, "all to be ready", func(state cluster.State) bool {
		for _, c := range state {
			if !isReady(c) {
				return false
			}
		}
		return true
	})
	d.StopShim(t)
}

// managersOf are those of the main resource, each with its operation.
func managersOf(c *unstructured.Unstructured) []string {
	var managers []string
	for _, entry := range c.GetManagedFields() {
		if entry.Subresource == "" {
			managers = append(managers, entry.Manager+" "+string(entry.Operation))
		}
	}
	return managers
}

// neverGone fails for every Certificate that was missing at any moment.
func neverGone(t *testing.T, certificates *cluster.Watch) {
	t.Helper()
	for _, change := range certificates.Changes() {
		if object, ok := change.Object.(*unstructured.Unstructured); ok && change.Type == watch.Deleted {
			t.Errorf("%s was deleted", object.GetName())
		}
	}
}

// issuedNothing fails for every Certificate with another CertificateRequest or Secret than before,
// whatever became of specs.
func (d *deployed) issuedNothing(t *testing.T, namespace string, before snapshot) {
	t.Helper()
	now := d.snapshot(t, namespace)
	for name := range before.specs {
		before.specs[name] = now.specs[name]
	}
	before.same(t, now, none)
}

// edits touch the Certificates and their sources while they are adopted, in ways for which nothing
// is signed.
func (d *deployed) edits(t *testing.T, namespace string) {
	t.Helper()
	for i := range *adoptions {
		name := fmt.Sprintf("web-%d", i)
		switch i % 4 {
		case 0:
			d.patch(t, ingresses, namespace, name, `{"metadata":{"labels":{"team":"shop"}}}`)
		case 1:
			d.patch(t, ingresses, namespace, name, `{"metadata":{"annotations":{"cert-manager.io/renew-before":"300h"}}}`)
		case 2:
			d.patch(t, cluster.Certificates(), namespace, name+"-tls", `{"spec":{"revisionHistoryLimit":3}}`)
		}
	}
}

// Certificates of cert-manager's shim are adopted while its issuing controllers run and edits arrive:
// nothing is issued, nothing is missing at any moment, and from then on they are certshim's. Released,
// they are the shim's again.
func TestAdopt(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	namespace := d.Namespace(t)
	ca := d.Issuer(t, namespace, "ca")
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.byShimInBothModes(t, namespace, ca)
	before := d.snapshot(t, namespace)
	written := writtenOf(t, certificates)

	all := fmt.Sprintf("%d Certificates: %d metadata only; nothing was written, --yes adopts %d", *adoptions, *adoptions, *adoptions)
	d.adopt(t, "-n", namespace).says(t, 0, all, "cert-manager-ingress-shim (Update)", "cert-manager-ingress-shim (Apply)", "no value changes")
	if !reflect.DeepEqual(written, writtenOf(t, certificates)) {
		t.Error("the dry run wrote")
	}

	ended := make(chan printed)
	go func() { ended <- d.adopt(t, "-n", namespace, "--yes", "--per-second=50") }()
	d.edits(t, namespace)
	if first := <-ended; first.exit == 2 || !strings.Contains(first.stderr, " adopted") {
		t.Fatalf("%d: %s%s", first.exit, first.stdout, first.stderr)
	}
	// What was edited after its turn is adopted now; then there is nothing left.
	d.adopt(t, "-n", namespace, "--yes", "--per-second=50").says(t, 0, "not: failed", "not: refused")
	d.adopt(t, "-n", namespace).says(t, 0, fmt.Sprintf("%d Certificates: %d same; nothing was written", *adoptions, *adoptions))
	for _, c := range d.list(t, namespace) {
		if strings.HasPrefix(c.GetName(), "web-") && !onlyOurs(&c) {
			t.Errorf("%s is held by %v", c.GetName(), managersOf(&c))
		}
	}
	d.issuedNothing(t, namespace, before)

	d.startFor(t, "certshim", "--leader-elect=false")
	d.annotate(t, ingresses, namespace, "web-0", "cert-manager.io/duration", nil)
	certificates.Object(t, "web-0-tls", "to lose its duration", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == nil })
	certificates.Object(t, "web-1-tls", "to have what was edited", func(c *unstructured.Unstructured) bool { return field(c, "spec|renewBefore") == "300h0m0s" })
	d.settled(t, namespace)
	d.issuedNothing(t, namespace, before)

	d.release(t, "-n", namespace, "--controller-stopped").says(t, 0, fmt.Sprintf("--yes releases %d", *adoptions+1))
	d.stop("certshim")
	d.handsBackReleased(t, namespace)
	neverGone(t, certificates)
}

// handsBackReleased releases all, and has the shim continue with them: it carries out an edit, and
// issues nothing.
func (d *deployed) handsBackReleased(t *testing.T, namespace string) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	before := d.snapshot(t, namespace)
	d.release(t, "-n", namespace, "--yes", "--per-second=50").says(t, 0, fmt.Sprintf("%d Certificates: %[1]d metadata only; %[1]d released", *adoptions+1))
	d.release(t, "-n", namespace).says(t, 0, fmt.Sprintf("%d same; nothing was written", *adoptions+1))
	for _, c := range d.list(t, namespace) {
		if managers := managersOf(&c); slices.Contains(managers, "certshim Apply") || strings.HasPrefix(c.GetName(), "web-") && !slices.Contains(managers, "cert-manager-ingress-shim Update") {
			t.Errorf("%s is held by %v", c.GetName(), managers)
		}
	}
	d.StartShim(t, cluster.ShimUpdates)
	d.patch(t, ingresses, namespace, "web-0", `{"metadata":{"annotations":{"cert-manager.io/renew-before":"200h"}}}`)
	certificates.Object(t, "web-0-tls", "to be edited by the shim", func(c *unstructured.Unstructured) bool { return field(c, "spec|renewBefore") == "200h0m0s" })
	d.Apply(t, namespace, ingress("by-the-shim", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "by-the-shim-tls", "to be made by the shim", exists)
	d.issuedNothing(t, namespace, before)
	d.StopShim(t)
}

// writtenOf is what changes when somebody writes a Certificate: its generation, or who wrote which fields and when. The status,
// which cert-manager may still be writing, is left out.
func writtenOf(t *testing.T, certificates *cluster.Watch) map[string]string {
	t.Helper()
	written := map[string]string{}
	for name, c := range certificates.State() {
		entries := slices.DeleteFunc(c.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Subresource == "status" })
		written[name] = fmt.Sprintf("%d %s", c.GetGeneration(), must(json.Marshal(entries))(t))
	}
	return written
}

// kubectlApply applies a manifest as people do.
func (d *deployed) kubectlApply(t *testing.T, namespace, manifest string) {
	t.Helper()
	kubectl, err := cluster.Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), kubectl, "--kubeconfig="+d.Kubeconfig, "apply", "-n", namespace, "-f", "-")
	command.Stdin = strings.NewReader(manifest)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
}

// handMade is a manifest of a Certificate that asks for what an Ingress of that name does.
func handMade(name string, hosts ...string) string {
	return fmt.Sprintf(`apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %[1]s-tls}
spec:
  secretName: %[1]s-tls
  dnsNames: [%[2]s]
  usages: [digital signature, key encipherment]
  issuerRef: {name: ca, kind: Issuer, group: cert-manager.io}
`, name, strings.Join(hosts, ", "))
}

// What was made by hand is adopted only by the name of who made it, and while the controller runs:
// without an owner reference it outlives its source from then on, with one it goes along.
func TestAdoptWhatWasMadeByHand(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	for _, name := range []string{"kept", "owned"} {
		shared.kubectlApply(t, namespace, handMade(name, name+".example.com"))
		secrets.Signed(t, name+"-tls", ca, name+".example.com")
		certificates.Object(t, name+"-tls", "to be ready", isReady)
	}
	before := shared.snapshot(t, namespace)
	for _, name := range []string{"kept", "owned"} {
		shared.Apply(t, namespace, ingress(name, annotations{issuerKey: "ca"}, name+".example.com"))
		awaitWarning(t, events, name, "CertificateNotOurs")
	}

	shared.adopt(t, "-n", namespace, "--yes").says(t, 0, `its fields are held by "kubectl-client-side-apply" (Update); name those to take over by --from`, "2 refused; nothing was written")
	shared.adopt(t, "ingress/kept", "-n", namespace, "--from=kubectl-client-side-apply", "--yes").says(t, 0, "1 metadata only; 1 adopted")
	shared.adopt(t, "ingress/owned", "-n", namespace, "--from=kubectl-client-side-apply", "--own", "--yes").says(t, 0, "1 metadata only; 1 adopted")
	shared.settled(t, namespace)
	kept := certificates.Object(t, "kept-tls", "to be tied", isTied)
	if kept.GetAnnotations()[deletionPolicy] != "retain" {
		t.Errorf("%v", kept.GetAnnotations())
	}
	certificates.Object(t, "owned-tls", "to be owned", isOwned("owned"))
	before.same(t, shared.snapshot(t, namespace), func(name string) bool { return name == "settled-tls" })

	// From now on both follow their sources, the one further than the other.
	for _, name := range []string{"kept", "owned"} {
		duration := "2000h"
		shared.annotate(t, ingresses, namespace, name, "cert-manager.io/duration", &duration)
		certificates.Object(t, name+"-tls", "to have the duration", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == "2000h0m0s" })
		shared.annotate(t, ingresses, namespace, name, "cert-manager.io/duration", nil)
		certificates.Object(t, name+"-tls", "to lose the duration", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == nil })
		shared.delete(t, ingresses, namespace, name)
	}
	certificates.Gone(t, "owned-tls")
	certificates.Object(t, "kept-tls", "to be there", isTied)
}

// Certificates of an Ingress become a Gateway's, in one write each and while the controller runs; one
// that would lose a name, and one that nobody asks for, stay.
func TestAdoptToAGateway(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	web := strings.Replace(ingress("web", annotations{issuerKey: "ca"}, "edge.example.com"), "tls: [{hosts: [edge.example.com], secretName: web-tls}]",
		"tls: [{hosts: [edge.example.com], secretName: edge-tls}, {hosts: [api.example.com, old.example.com], secretName: api-tls}, {hosts: [c.example.com], secretName: c-tls}]", 1)
	shared.Apply(t, namespace, web)
	secrets.Signed(t, "edge-tls", ca, "edge.example.com")
	for _, name := range []string{"edge-tls", "api-tls", "c-tls"} {
		certificates.Object(t, name, "to be ready", isReady)
	}
	before := shared.snapshot(t, namespace)
	edge := strings.TrimRight(gateway("edge", annotations{issuerKey: "ca"}, "edge.example.com"), "\n") +
		"\n  - {name: api, port: 443, protocol: HTTPS, hostname: api.example.com, tls: {mode: Terminate, certificateRefs: [{name: api-tls}]}}\n"
	shared.Apply(t, namespace, edge)
	events.Until(t, "the Gateway to hear that the Ingress comes first", func(state cluster.State) bool {
		for _, event := range state {
			if about(event, "edge") && field(event, "reason") == "SecretShared" {
				return true
			}
		}
		return false
	})

	moved := shared.adopt(t, "ingress/web", "-n", namespace, "--to=gateway/edge", "--yes")
	moved.says(t, 0, "Ingress/web (owner)", "it would lose the names old.example.com", "it stays with Ingress web", "1 metadata only, 2 refused; 1 adopted")
	certificates.Object(t, "edge-tls", "to be the Gateway's", isOwned("edge"))
	shared.settled(t, namespace)
	before.same(t, shared.snapshot(t, namespace), func(name string) bool { return name == "settled-tls" })

	shared.delete(t, ingresses, namespace, "web")
	certificates.Gone(t, "c-tls")
	certificates.Object(t, "edge-tls", "to be the Gateway's still", isOwned("edge"))
	before.same(t, shared.snapshot(t, namespace), func(name string) bool { return name == "settled-tls" || name == "c-tls" || name == "api-tls" })
	for _, change := range certificates.Changes() {
		if object, ok := change.Object.(*unstructured.Unstructured); ok && change.Type == watch.Deleted && object.GetName() == "edge-tls" {
			t.Error("edge-tls was deleted")
		}
	}
}

// release runs release against the cluster.
func (d *deployed) release(t *testing.T, arguments ...string) printed {
	t.Helper()
	return d.run(t, append([]string{"release"}, arguments...)...)
}

// A Certificate that is freed outlives its source, and stays as it is.
func TestFree(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	secrets.Signed(t, "web-tls", ca, "a.example.com")
	certificates.Object(t, "web-tls", "to be ready", isReady)
	before := shared.snapshot(t, namespace)

	shared.release(t, "-n", namespace, "--free", "--yes").says(t, 0, "would take it over again", "1 refused; nothing was written")
	ignored := "true"
	shared.annotate(t, ingresses, namespace, "web", "certshim.io/ignore", &ignored)
	shared.release(t, "-n", namespace, "--free").says(t, 0, "1 metadata only; nothing was written, --yes releases 1", "nobody")
	shared.release(t, "-n", namespace, "--free", "--yes").says(t, 0, "1 metadata only; 1 released")
	freed := certificates.Object(t, "web-tls", "to have no owner", func(c *unstructured.Unstructured) bool { return len(c.GetOwnerReferences()) == 0 })
	if managers := managersOf(freed); slices.Contains(managers, "certshim Apply") {
		t.Errorf("held by %v", managers)
	}
	shared.delete(t, ingresses, namespace, "web")
	shared.settled(t, namespace)
	before.same(t, shared.snapshot(t, namespace), func(name string) bool { return name == "settled-tls" })
	neverGone(t, certificates)
}

// restoreAs deletes a source and its Certificate, and makes them again from what they were, as Velero
// does: without what the server sets, and managedFields, if they are kept, by a patch of their own.
func (d *deployed) restoreAs(t *testing.T, namespace string, keepsFields bool) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	saved := map[schema.GroupVersionResource]*unstructured.Unstructured{cluster.Certificates(): d.certificate(t, namespace, "web-tls")}
	web, err := d.Dynamic.Resource(ingresses).Namespace(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	saved[ingresses] = web
	d.delete(t, ingresses, namespace, "web")
	certificates.Gone(t, "web-tls")

	// Velero restores what is of other kinds in the order of their names.
	for _, resource := range []schema.GroupVersionResource{cluster.Certificates(), ingresses} {
		object := saved[resource].DeepCopy()
		fields := object.GetManagedFields()
		for _, name := range []string{"ownerReferences", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
			unstructured.RemoveNestedField(object.Object, "metadata", name)
		}
		unstructured.RemoveNestedField(object.Object, "status")
		client := d.Dynamic.Resource(resource).Namespace(namespace)
		if _, err := client.Create(t.Context(), object, metav1.CreateOptions{FieldManager: "velero-server"}); err != nil {
			t.Fatal(err)
		}
		if !keepsFields {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"managedFields": fields}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Patch(t.Context(), object.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "velero-server"}); err != nil {
			t.Fatal(err)
		}
	}
}

// A Certificate that was restored together with its source gets its owner again, and nothing is issued:
// its Secret, which cert-manager keeps, is as it was.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, keepsFields := range map[string]bool{"with managedFields": true, "without managedFields": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDeployed(t)
			namespace := d.Namespace(t)
			ca := d.Issuer(t, namespace, "ca")
			certificates := d.Watch(t, cluster.Certificates(), namespace)
			secrets := d.Watch(t, cluster.Secrets(), namespace)
			events := d.Watch(t, cluster.Events(), namespace)
			d.startFor(t, "before", "--leader-elect=false")
			d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
			secrets.Signed(t, "web-tls", ca, "a.example.com")
			certificates.Object(t, "web-tls", "to be ready", isReady)
			d.stop("before")
			secret := d.snapshot(t, namespace).secrets["web-tls"]

			d.restoreAs(t, namespace, keepsFields)
			d.startFor(t, "after", "--leader-elect=false")
			if !keepsFields {
				// Nothing says whose it was: an operator does.
				event := awaitWarning(t, events, "web", "CertificateNotOurs")
				wantIn(t, fmt.Sprint(field(event, "note")), "Certificate web-tls exists and has no controller owner")
				d.adopt(t, "-n", namespace, "--from=velero-server", "--own", "--yes").says(t, 0, "velero-server (Update)", "1 metadata only; 1 adopted")
			}
			owned := certificates.Object(t, "web-tls", "to have its owner and be ready", func(c *unstructured.Unstructured) bool { return isOwned("web")(c) && isReady(c) })
			d.settled(t, namespace)
			if owned.GetGeneration() != 1 {
				t.Errorf("generation %d", owned.GetGeneration())
			}
			now := d.snapshot(t, namespace)
			if !reflect.DeepEqual(secret, now.secrets["web-tls"]) || len(now.requests["web-tls"]) > 0 {
				t.Errorf("issued again: %v", now.requests["web-tls"])
			}
			d.annotate(t, ingresses, namespace, "web", "cert-manager.io/duration", nil)
			certificates.Object(t, "web-tls", "to lose its duration", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == nil })
			d.delete(t, ingresses, namespace, "web")
			certificates.Gone(t, "web-tls")
		})
	}
}
