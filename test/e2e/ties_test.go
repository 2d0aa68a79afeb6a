package e2e

import (
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

const tieKey = "certshim.io/source"

// planFile plans manifests for a namespace, without a cluster.
func planFile(t *testing.T, namespace, manifests string) string {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "plan", "-f", "-", "-n", namespace, "-o", "yaml")
	command.Stdin = strings.NewReader(manifests)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	return string(out)
}

// isOwned says whether an object of that name controls a Certificate, which then has no tie.
func isOwned(by string) func(*unstructured.Unstructured) bool {
	return func(c *unstructured.Unstructured) bool {
		owner := metav1.GetControllerOf(c)
		return owner != nil && owner.Name == by && c.GetAnnotations()[tieKey] == ""
	}
}

// issued is what a Certificate was issued by and as.
func (d *deployed) issued(t *testing.T, namespace, name string) (requests []string, certificate any, secret any) {
	t.Helper()
	s := d.snapshot(t, namespace)
	return s.requests[name], s.specs[name], s.secrets[name]
}

// What plan prints for files is applied before their objects are: when these come, they become the
// owners, and nothing is issued again.
func TestPlannedCertificateGetsItsOwner(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	web := ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com")
	manifests := planFile(t, namespace, web)
	wantIn(t, manifests, tieKey+": networking.k8s.io/Ingress:"+namespace+"/web for="+namespace+"/web-tls")

	shared.applyPlan(t, manifests)
	secrets.Signed(t, "web-tls", ca, "a.example.com")
	planned := certificates.Object(t, "web-tls", "to be ready", isReady)
	requests, spec, secret := shared.issued(t, namespace, "web-tls")

	shared.Apply(t, namespace, web)
	owned := certificates.Object(t, "web-tls", "to have its owner", isOwned("web"))

	// Applying the same again gives the owner up, which comes back.
	shared.applyPlan(t, manifests)
	again := certificates.Object(t, "web-tls", "to have its owner again", func(c *unstructured.Unstructured) bool {
		return isOwned("web")(c) && c.GetResourceVersion() != owned.GetResourceVersion()
	})
	shared.settled(t, namespace)

	if again.GetUID() != planned.GetUID() || again.GetGeneration() != planned.GetGeneration() {
		t.Errorf("uid %s and generation %d, had %s and %d", again.GetUID(), again.GetGeneration(), planned.GetUID(), planned.GetGeneration())
	}
	requestsNow, specNow, secretNow := shared.issued(t, namespace, "web-tls")
	if !slices.Equal(requestsNow, requests) || !reflect.DeepEqual(specNow, spec) || !reflect.DeepEqual(secretNow, secret) {
		t.Errorf("issued again: %v, had %v; %v, had %v", requestsNow, requests, specNow, spec)
	}
	if got := warningsAbout(events.State(), "web"); len(got) > 0 {
		t.Errorf("warnings: %v", got)
	}

	// From now on it is as if certshim had made it.
	shared.annotate(t, ingresses, namespace, "web", "cert-manager.io/duration", nil)
	certificates.Object(t, "web-tls", "to lose its duration", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == nil })
	shared.delete(t, ingresses, namespace, "web")
	certificates.Gone(t, "web-tls")
}

func isReady(c *unstructured.Unstructured) bool {
	conditions, _ := field(c, "status|conditions").([]any)
	return slices.ContainsFunc(conditions, func(item any) bool {
		condition, _ := item.(map[string]any)
		return condition["type"] == "Ready" && condition["status"] == "True"
	})
}

// On the server an orphan looks as what plan printed does, but for the tie: it isn't taken over.
func TestOrphanIsNotTakenOver(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	sources := shared.Watch(t, ingresses, namespace)
	web := ingress("web", annotations{issuerKey: "ca"}, "a.example.com")
	shared.Apply(t, namespace, web)
	certificates.Object(t, "web-tls", "to be made", exists)
	orphan := metav1.DeletePropagationOrphan
	if err := shared.Dynamic.Resource(ingresses).Namespace(namespace).Delete(t.Context(), "web", metav1.DeleteOptions{PropagationPolicy: &orphan}); err != nil {
		t.Fatal(err)
	}
	sources.Gone(t, "web")
	before := certificates.Object(t, "web-tls", "to be orphaned", func(c *unstructured.Unstructured) bool { return len(c.GetOwnerReferences()) == 0 })

	shared.Apply(t, namespace, web)
	event := awaitWarning(t, events, "web", "CertificateNotOurs")
	wantIn(t, field(event, "note").(string), "Certificate web-tls exists and has no controller owner")
	shared.settled(t, namespace)
	// cert-manager writes its status meanwhile.
	after := shared.certificate(t, namespace, "web-tls")
	if after.GetGeneration() != before.GetGeneration() || len(after.GetOwnerReferences()) > 0 || !reflect.DeepEqual(lastApply(after), lastApply(before)) {
		t.Errorf("the orphan was changed: %v", after.Object)
	}
}

// A tie that somebody copied, or applied under another name, gives nothing.
func TestForgedTieIsWorthNothing(t *testing.T) {
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	for name, row := range map[string]struct{ manager, old, new, why string }{
		"copied":   {"certshim", "for=" + namespace + "/copied-tls", "for=" + namespace + "/other-tls", "is a copy of that of Certificate " + namespace + "/other-tls"},
		"stranger": {"kubectl", "", "", `field manager "kubectl" holds fields of it, by Apply`},
		"unlike":   {"certshim", "- unlike.example.com", "- other.example.com", "it isn't as asked for: .spec.dnsNames"},
	} {
		web := ingress(name, annotations{issuerKey: "ca"}, name+".example.com")
		shared.applyPlanAs(t, row.manager, strings.NewReplacer(row.old, row.new).Replace(planFile(t, namespace, web)))
		before := shared.certificate(t, namespace, name+"-tls")
		shared.Apply(t, namespace, web)
		event := awaitWarning(t, events, name, "CertificateNotOurs")
		wantIn(t, field(event, "note").(string), "has no controller owner; ", row.why)
		shared.settled(t, namespace)
		if after := shared.certificate(t, namespace, name+"-tls"); len(after.GetOwnerReferences()) > 0 || after.GetGeneration() != before.GetGeneration() {
			t.Errorf("%s: it was changed: %v", name, after.Object)
		}
	}
}

// A Certificate that is to be retained outlives its source, as its Secret does, and is the source's
// again when that comes back: nothing is issued a second time.
func TestRetainedCertificateOutlivesItsSource(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	sources := shared.Watch(t, ingresses, namespace)
	retain := "retain"
	web := ingress("web", annotations{issuerKey: "ca"}, "a.example.com")
	shared.Apply(t, namespace, web)
	secrets.Signed(t, "web-tls", ca, "a.example.com")
	made := certificates.Object(t, "web-tls", "to be ready", isReady)
	requests, spec, secret := shared.issued(t, namespace, "web-tls")

	shared.annotate(t, ingresses, namespace, "web", deletionPolicy, &retain)
	certificates.Object(t, "web-tls", "to lose its owner", isTied)
	shared.annotate(t, ingresses, namespace, "web", deletionPolicy, nil)
	certificates.Object(t, "web-tls", "to have its owner back", isOwned("web"))
	shared.annotate(t, ingresses, namespace, "web", deletionPolicy, &retain)
	certificates.Object(t, "web-tls", "to lose its owner again", isTied)

	shared.delete(t, ingresses, namespace, "web")
	sources.Gone(t, "web")
	// What the garbage collector deletes goes sooner than one that it is told of later.
	shared.Apply(t, namespace, ingress("other", annotations{issuerKey: "ca"}, "b.example.com"))
	certificates.Object(t, "other-tls", "to be made", exists)
	shared.delete(t, ingresses, namespace, "other")
	certificates.Gone(t, "other-tls")
	certificates.Object(t, "web-tls", "to be there", isTied)

	shared.Apply(t, namespace, web)
	again := certificates.Object(t, "web-tls", "to be owned by the new object", isOwned("web"))
	shared.settled(t, namespace)
	if again.GetUID() != made.GetUID() || again.GetGeneration() != made.GetGeneration() {
		t.Errorf("uid %s and generation %d, had %s and %d", again.GetUID(), again.GetGeneration(), made.GetUID(), made.GetGeneration())
	}
	requestsNow, specNow, secretNow := shared.issued(t, namespace, "web-tls")
	if !slices.Equal(requestsNow, requests) || !reflect.DeepEqual(specNow, spec) || !reflect.DeepEqual(secretNow, secret) {
		t.Errorf("issued again: %v, had %v; %v, had %v", requestsNow, requests, specNow, spec)
	}
}

const deletionPolicy = "certshim.io/deletion-policy"

func isTied(c *unstructured.Unstructured) bool {
	return len(c.GetOwnerReferences()) == 0 && c.GetAnnotations()[tieKey] != ""
}

// A TLS entry that is taken away leaves a retained Certificate where it is.
func TestRetainedCertificateOfARemovedEntryStays(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", isOwned("web"))
	shared.patch(t, ingresses, namespace, "web",
		`{"metadata":{"annotations":{"certshim.io/deletion-policy":"keep"}},"spec":{"tls":[{"hosts":["a.example.com"],"secretName":"renamed"}]}}`)
	certificates.Object(t, "renamed", "to be made", isTied)
	certificates.Object(t, "web-tls", "to lose its owner", isTied)
	shared.settled(t, namespace)
	certificates.Object(t, "web-tls", "to be there", isTied)
}
