package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// promptly is how often an hour fields of one Certificate are put back at once.
const promptly = 10

// told are the notes of the Events with a reason about an object.
func told(events *cluster.Watch, name, reason string) []string {
	var notes []string
	for _, event := range events.State() {
		if about(event, name) && field(event, "reason") == reason {
			notes = append(notes, fmt.Sprint(field(event, "note")))
		}
	}
	return notes
}

// writesOf is how many versions of a Certificate a watch has seen.
func writesOf(certificates *cluster.Watch, name string) int {
	versions := map[string]bool{}
	for _, change := range certificates.Changes() {
		if object, ok := change.Object.(*unstructured.Unstructured); ok && object.GetName() == name {
			versions[object.GetResourceVersion()] = true
		}
	}
	return len(versions)
}

// quiet waits until nothing is written while certshim works on something else twice over.
func (d *deployed) quiet(t *testing.T, namespace string, certificates *cluster.Watch, name string) int {
	t.Helper()
	writes := -1
	for range 5 {
		d.settled(t, namespace)
		d.delete(t, ingresses, namespace, "settled")
		certificates.Gone(t, "settled-tls")
		now := writesOf(certificates, name)
		if now == writes {
			return writes
		}
		writes = now
	}
	t.Fatalf("Certificate %s goes on being written: %d times", name, writes)
	return 0
}

// Two certshims that want different things of one Certificate, by mistake, find out: each puts its
// value back some times, says once who it is, and one of them leaves it.
func TestTwoCertshimsOfDifferentSettings(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "one", "--leader-elect=false", "--default-issuer-name=one", "--default-issuer-kind=ClusterIssuer")
	d.startFor(t, "two", "--leader-elect=false", "--default-issuer-name=two", "--default-issuer-kind=ClusterIssuer", "--extra-certificate-annotations=example.com/owner")
	d.Apply(t, namespace, ingress("web", annotations{"kubernetes.io/tls-acme": "true", "example.com/owner": "shop"}, "a.example.com"))
	note := fmt.Sprint(field(awaitWarning(t, events, "web", "EditPutBack"), "note"))
	// Which field is seen first depends on who comes first: the issuer, or the annotation that one of them copies.
	wantIn(t, note, "another process of the name certshim set .", " of Certificate web-tls", "by Apply", "it is put back")
	note = fmt.Sprint(field(awaitWarning(t, events, "web", "FieldContested"), "note"))
	wantIn(t, note, "has taken .", "of Certificate web-tls from certshim 3 times")
	if got := d.quiet(t, namespace, certificates, "web-tls"); got > 10 {
		t.Errorf("they wrote the Certificate %d times", got)
	}
	if got := told(events, "web", "EditPutBack"); len(got) > 4 {
		t.Errorf("told %d times: %q", len(got), got)
	}
}

// durationPolicy makes the API server give Certificates of a namespace another duration.
const durationPolicy = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: duration}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules:
    - {apiGroups: [cert-manager.io], apiVersions: [v1], resources: [certificates], operations: [CREATE, UPDATE]}
  mutations:
  - patchType: JSONPatch
    jsonPatch: {expression: '[JSONPatch{op: "add", path: "/spec/duration", value: "3000h0m0s"}]'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: duration}
spec: {policyName: duration}
`

// What admission changes is told once, by name; the Certificate isn't written for it again, and what
// else is asked for arrives.
func TestAValueChangedByAdmission(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.Apply(t, namespace, ingress("before", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	certificates.Object(t, "before-tls", "to be made", exists)
	d.enforce(t, durationPolicy)

	d.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	for _, name := range []string{"web", "before"} {
		if name == "before" {
			d.updateAs(t, namespace, "before-tls", "kubectl-edit", `{"spec":{"duration":"2500h0m0s"}}`)
		}
		note := fmt.Sprint(field(awaitWarning(t, events, name, "ChangedOnAdmission"), "note"))
		wantIn(t, note, "spec.duration", `"3000h0m0s"`, name+"-tls")
		d.quiet(t, namespace, certificates, name+"-tls")
		d.patch(t, ingresses, namespace, name, `{"spec":{"ingressClassName":"touched"}}`)
		before := writesOf(certificates, name+"-tls")
		if got := d.quiet(t, namespace, certificates, name+"-tls"); got != before {
			t.Errorf("%s: a look that changes nothing wrote it %d times", name, got-before)
		}
		if got := told(events, name, "ChangedOnAdmission"); len(got) != 1 {
			t.Errorf("%s: told %d times: %q", name, len(got), got)
		}
		if got := told(events, name, "UpdateCertificate"); len(got) > 0 {
			t.Errorf("%s: %d Events tell of an update that changed nothing: %q", name, len(got), got)
		}
		d.patch(t, ingresses, namespace, name, `{"metadata":{"annotations":{"cert-manager.io/common-name":"a.example.com"}}}`)
		certificates.Object(t, name+"-tls", "to get its common name", func(c *unstructured.Unstructured) bool { return field(c, "spec|commonName") == "a.example.com" })
		d.quiet(t, namespace, certificates, name+"-tls")
		if got := told(events, name, "UpdateCertificate"); len(got) != 1 {
			t.Errorf("%s: of one update that changed something tell %d Events", name, len(got))
		}
	}
}

// enforce applies a MutatingAdmissionPolicy that sets the duration of Certificates, and waits until it does. Before it
// has read the schema of Certificates, the API server refuses them.
func (d *deployed) enforce(t *testing.T, policy string) {
	t.Helper()
	d.Apply(t, "", policy)
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "probe"},
		"spec": map[string]any{"secretName": "probe", "dnsNames": []any{"a.example.com"}, "issuerRef": map[string]any{"name": "ca"}},
	}}
	client := d.Dynamic.Resource(cluster.Certificates()).Namespace(d.Namespace(t))
	var last error
	err := cluster.Poll(t.Context(), "the policy to be in force", func(context.Context) (bool, error) {
		var made *unstructured.Unstructured
		made, last = client.Create(t.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return last == nil && field(made, "spec|duration") != nil, nil
	})
	if err != nil {
		t.Fatalf("%v: %v", err, last)
	}
}

// Ten edits an hour, by whomever, are put back at once; the next waits, and nothing else does.
func TestManyEditsAreSlowedDown(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", exists)
	for i := range promptly {
		edited := shared.updateAs(t, namespace, "web-tls", fmt.Sprintf("editor-%d", i), `{"spec":{"duration":"3000h0m0s"}}`)
		certificates.Object(t, "web-tls", "to be put back", func(c *unstructured.Unstructured) bool {
			return c.GetGeneration() > edited.GetGeneration() && field(c, "spec|duration") == "2000h0m0s"
		})
	}
	edited := shared.updateAs(t, namespace, "web-tls", "kubectl-edit", `{"spec":{"duration":"3000h0m0s"}}`)
	shared.settled(t, namespace)
	if now := shared.certificate(t, namespace, "web-tls"); now.GetGeneration() != edited.GetGeneration() || field(now, "spec|duration") != "3000h0m0s" {
		t.Errorf("after %d within the hour the next is put back at once: %v", promptly, now.Object["spec"])
	}
	if got := told(events, "web", "EditPutBack"); len(got) != promptly {
		t.Errorf("told %d times: %q", len(got), got)
	}
}

// Who applies keeps the field, and is named once, however often it applies.
func TestAppliersAreYieldedTo(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, editedIngress)
	certificates.Object(t, "web-tls", "to be made", exists)
	shared.applyAs(t, namespace, "web-tls", "argocd-controller", `{"spec":{"duration":"3000h0m0s"}}`)
	note := fmt.Sprint(field(awaitWarning(t, events, "web", "FieldConflict"), "note"))
	wantIn(t, note, `field manager "argocd-controller"`, ".spec.duration", `"3000h0m0s"`, "by Apply; it stays theirs")
	for i := range 3 {
		shared.applyAs(t, namespace, "web-tls", "argocd-controller", fmt.Sprintf(`{"metadata":{"labels":{"sync":"%d"}},"spec":{"duration":"3000h0m0s"}}`, i))
		shared.patch(t, ingresses, namespace, "web", fmt.Sprintf(`{"spec":{"ingressClassName":"touched-%d"}}`, i))
	}
	shared.patch(t, ingresses, namespace, "web", `{"metadata":{"annotations":{"cert-manager.io/common-name":"a.example.com"}}}`)
	after := certificates.Object(t, "web-tls", "to get the rest", func(c *unstructured.Unstructured) bool { return field(c, "spec|commonName") == "a.example.com" })
	shared.settled(t, namespace)
	now := shared.certificate(t, namespace, "web-tls")
	if now.GetGeneration() != after.GetGeneration() || field(now, "spec|duration") != "3000h0m0s" {
		t.Errorf("it goes on being written: %v", now.Object["spec"])
	}
	if got := told(events, "web", "FieldConflict"); len(got) != 1 {
		t.Errorf("told %d times: %q", len(got), got)
	}
	if got := told(events, "web", "EditPutBack"); len(got) != 0 {
		t.Errorf("put back: %q", got)
	}
}

// What was edited while no certshim ran waits where no change is allowed, and that is told; not so a
// Secret's name. With the usual pace it is put back.
func TestEditsWhileNobodyLooked(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	namespace := d.Namespace(t)
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "first", "--leader-elect=false")
	for _, name := range []string{"a", "b"} {
		d.Apply(t, namespace, ingress(name, annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, name+".example.com"))
		certificates.Object(t, name+"-tls", "to be made", exists)
	}
	d.stop("first")
	edited := d.updateAs(t, namespace, "a-tls", "kubectl-edit", `{"spec":{"duration":"3000h0m0s"}}`)
	d.updateAs(t, namespace, "b-tls", "kubectl-edit", `{"spec":{"secretName":"other-tls"}}`)

	d.startFor(t, "careful", "--leader-elect=false", "--config="+configuration(t, 0))
	note := fmt.Sprint(field(awaitWarning(t, events, "a", "ChangesHeld"), "note"))
	wantIn(t, note, "Certificate a-tls", `.spec.duration is "3000h0m0s"`, "takeover.changesPerMinute is 0")
	certificates.Object(t, "b-tls", "to write its Secret again", func(c *unstructured.Unstructured) bool { return field(c, "spec|secretName") == "b-tls" })
	d.patch(t, ingresses, namespace, "a", `{"spec":{"ingressClassName":"touched"}}`)
	d.settled(t, namespace)
	if now := d.certificate(t, namespace, "a-tls"); now.GetResourceVersion() != edited.GetResourceVersion() {
		t.Errorf("it was written: %v", now.Object)
	}
	if got := told(events, "a", "ChangesHeld"); len(got) != 1 {
		t.Errorf("told %d times: %q", len(got), got)
	}
	if run := d.planOf(t, "-n", namespace, "--config="+configuration(t, 0)); !strings.Contains(run.stdout, "keep") || !strings.Contains(run.stderr, "changesPerMinute is 0") {
		t.Errorf("plan says\n%s%s", run.stdout, run.stderr)
	}
	d.stop("careful")
	d.startFor(t, "usual", "--leader-elect=false")
	certificates.Object(t, "a-tls", "to be put back", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == "2000h0m0s" })
}
