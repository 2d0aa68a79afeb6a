package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
)

var grants = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "referencegrants"}

// elsewhere is a Gateway whose Secret is in another namespace.
func elsewhere(name string, set annotations, host, namespace string) string {
	return strings.Replace(gateway(name, set, host), "certificateRefs: [{", "certificateRefs: [{namespace: "+namespace+", ", 1)
}

// granting lets Gateways of a namespace have a Secret, and its Certificate.
func granting(version, namespace, secret string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/%[1]s
kind: ReferenceGrant
metadata: {name: edge}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: %[2]s}]
  to: [{group: "", kind: Secret}, {group: cert-manager.io, kind: Certificate, name: %[3]s}]
`, version, namespace, secret)
}

const clusterIssuerKey = "cert-manager.io/cluster-issuer"

// across makes a namespace for Gateways and one for their Secrets, and an issuer of the cluster that signs there, which
// the annotations name.
func (d *deployed) across(t *testing.T) (infra, certs string, ca cluster.Authority, set annotations) {
	t.Helper()
	infra, certs = d.Namespace(t), d.Namespace(t)
	issuer := "across-" + infra
	return infra, certs, d.ClusterIssuer(t, issuer), annotations{clusterIssuerKey: issuer}
}

// has says whether a Certificate asks for a host.
func has(host string) func(*unstructured.Unstructured) bool {
	return func(c *unstructured.Unstructured) bool {
		return strings.Contains(fmt.Sprint(field(c, "spec|dnsNames")), host)
	}
}

// A grant that names the Certificate lets a Gateway have it in another namespace, signed by an issuer of the
// cluster. One that is taken back freezes it, and one that comes back brings it up to date, each time again,
// in either version of the kind.
func TestSecretOfAnotherNamespaceByGrant(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	certificates := shared.Watch(t, cluster.Certificates(), certs)
	secrets := shared.Watch(t, cluster.Secrets(), certs)
	events := shared.Watch(t, cluster.Events(), infra)

	shared.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs))
	told := awaitWarning(t, events, "edge", "NotGranted")
	if note := fmt.Sprint(field(told, "note")); !strings.Contains(note, `kind: Certificate, name: "edge-tls"`) {
		t.Errorf("told %s", note)
	}
	if got := len(certificates.State()); got > 0 {
		t.Fatalf("%d Certificates without a grant", got)
	}

	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	secrets.Signed(t, "edge-tls", ca, "a.example.com")
	made := certificates.Object(t, "edge-tls", "to be tied", func(c *unstructured.Unstructured) bool {
		tie := c.GetAnnotations()[tieKey]
		return strings.HasPrefix(tie, "gateway.networking.k8s.io/Gateway:"+infra+"/edge uid=") && strings.HasSuffix(tie, " for="+certs+"/edge-tls") && len(c.GetOwnerReferences()) == 0
	})

	for n, version := range []string{"v1beta1", "v1", "v1beta1"} {
		host := fmt.Sprintf("n%d.example.com", n)
		before := shared.certificate(t, certs, "edge-tls")
		shared.delete(t, grants, certs, "edge")
		shared.Apply(t, infra, elsewhere("edge", set, host, certs))
		// Another Gateway shows that the change was looked at.
		marker := fmt.Sprintf("marker%d", n)
		shared.Apply(t, infra, elsewhere(marker, set, host, certs))
		awaitWarning(t, events, marker, "NotGranted")
		shared.settled(t, infra)
		if now := shared.certificate(t, certs, "edge-tls"); now.GetGeneration() != before.GetGeneration() || now.GetUID() != made.GetUID() {
			t.Fatalf("it changed while there was no grant: %v", field(now, "spec|dnsNames"))
		}
		shared.Apply(t, certs, granting(version, infra, "edge-tls"))
		certificates.Object(t, "edge-tls", "to have "+host, has(host))
	}

	// The Gateway goes, the Certificate stays.
	shared.delete(t, gateways, infra, "edge")
	shared.settled(t, infra)
	if now := shared.certificate(t, certs, "edge-tls"); now.GetUID() != made.GetUID() || now.GetDeletionTimestamp() != nil {
		t.Error("it went with its Gateway")
	}

	// One of the same name is another Gateway: it isn't given what the first one had.
	shared.Apply(t, infra, elsewhere("edge", set, "later.example.com", certs))
	awaitWarning(t, events, "edge", "CertificateNotOurs")
	if now := shared.certificate(t, certs, "edge-tls"); has("later.example.com")(now) {
		t.Error("a later Gateway of the name took it over")
	}

	// Once it is deleted, that one gets its own.
	shared.delete(t, cluster.Certificates(), certs, "edge-tls")
	certificates.Object(t, "edge-tls", "to be made for the later Gateway", has("later.example.com"))
}

// Grants that come and go while their Gateway changes leave nothing undone, and nothing is written without
// one: each change of the Certificate lies between a grant and its end.
func TestGrantsUnderLoad(t *testing.T) {
	const rounds = 30
	infra, certs, _, set := shared.across(t)
	certificates := shared.Watch(t, cluster.Certificates(), certs)
	for n := range rounds {
		shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
		shared.Apply(t, infra, elsewhere("edge", set, fmt.Sprintf("n%d.example.com", n), certs))
		if n < rounds-1 {
			shared.delete(t, grants, certs, "edge")
		}
	}
	last := fmt.Sprintf("n%d.example.com", rounds-1)
	certificates.Object(t, "edge-tls", "to have "+last, has(last))
	shared.settled(t, infra)
	if got := len(certificates.State()); got != 1 {
		t.Errorf("%d Certificates", got)
	}
}

// A namespace that is deleted takes grant and Certificate along. The one that is made anew granted nothing.
func TestNamespaceOfAGrantIsMadeAnew(t *testing.T) {
	infra, certs, _, set := shared.across(t)
	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	shared.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs))
	certificates := shared.Watch(t, cluster.Certificates(), certs)
	certificates.Object(t, "edge-tls", "to be made", exists)
	events := shared.Watch(t, cluster.Events(), infra)
	namespaces := shared.Watch(t, namespaceResource, "")
	shared.delete(t, namespaceResource, "", certs)
	namespaces.Gone(t, "/"+certs)
	shared.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: "+certs+"}}")
	awaitWarning(t, events, "edge", "NotGranted")
	shared.settled(t, infra)
	if got := len(shared.Watch(t, cluster.Certificates(), certs).State()); got > 0 {
		t.Errorf("%d Certificates in the new namespace", got)
	}
}

// Of two Gateways that a grant lets have one Secret the first keeps it, and the other isn't told what the first one's names are.
func TestTwoGatewaysOfOneGrant(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	other := shared.Namespace(t)
	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	shared.Apply(t, certs, strings.Replace(granting("v1", other, "edge-tls"), "name: edge}", "name: other}", 1))
	secrets := shared.Watch(t, cluster.Secrets(), certs)
	shared.Apply(t, infra, elsewhere("edge", set, "first.example.com", certs))
	secrets.Signed(t, "edge-tls", ca, "first.example.com")

	events := shared.Watch(t, cluster.Events(), other)
	shared.Apply(t, other, elsewhere("edge", set, "second.example.com", certs))
	told := fmt.Sprint(field(awaitWarning(t, events, "edge", "SecretTaken"), "note"))
	for _, hidden := range []string{"first.example.com", infra} {
		if strings.Contains(told, hidden) {
			t.Errorf("it is told of %s: %s", hidden, told)
		}
	}
	if now := shared.certificate(t, certs, "edge-tls"); !has("first.example.com")(now) || has("second.example.com")(now) {
		t.Errorf("the Certificate is for %v", field(now, "spec|dnsNames"))
	}
}

// A grant for Gateways isn't one for ListenerSets, and one that says another group or name is none.
func TestGrantsThatDontFit(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	events, secrets := shared.Watch(t, cluster.Events(), infra), shared.Watch(t, cluster.Secrets(), certs)
	shared.Apply(t, infra, gateway("parent", nil, "parent.example.com"))
	listeners := strings.Replace(listenerSet("edge", "parent", set, "a.example.com"), "certificateRefs: [{", "certificateRefs: [{namespace: "+certs+", ", 1)
	shared.Apply(t, infra, listeners)
	fitting := strings.Replace(granting("v1", infra, "edge-tls"), "kind: Gateway", "kind: ListenerSet", 1)
	awaitNote(t, events, "edge", "NotGranted", "kind: ListenerSet")
	for what, grant := range map[string]string{
		"another kind":             granting("v1", infra, "edge-tls"),
		"another group":            strings.Replace(fitting, "group: gateway.networking.k8s.io", "group: gateway.networking.x-k8s.io", 1),
		"another name":             strings.Replace(fitting, "name: edge-tls", "name: edge", 1),
		"another group of Secrets": strings.Replace(fitting, `group: "", kind: Secret`, "group: core, kind: Secret", 1),
	} {
		shared.Apply(t, certs, grant)
		shared.settled(t, infra)
		if got := shared.Watch(t, cluster.Certificates(), certs).State(); len(got) > 0 {
			t.Fatalf("%s: %d Certificates", what, len(got))
		}
	}
	shared.Apply(t, certs, fitting)
	secrets.Signed(t, "edge-tls", ca, "a.example.com")
}

// Whoever makes the namespace of a Gateway anew isn't who was granted something, though the grant still names it.
func TestNamespaceOfAGatewayIsMadeAnew(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	secrets, namespaces := shared.Watch(t, cluster.Secrets(), certs), shared.Watch(t, namespaceResource, "")
	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	shared.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs))
	secrets.Signed(t, "edge-tls", ca, "a.example.com")
	made := shared.certificate(t, certs, "edge-tls")

	shared.delete(t, namespaceResource, "", infra)
	namespaces.Gone(t, "/"+infra)
	shared.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: "+infra+"}}")
	events := shared.Watch(t, cluster.Events(), infra)
	shared.Apply(t, infra, elsewhere("edge", set, "heir.example.com", certs))
	awaitWarning(t, events, "edge", "CertificateNotOurs")
	if now := shared.certificate(t, certs, "edge-tls"); now.GetUID() != made.GetUID() || now.GetGeneration() != made.GetGeneration() {
		t.Errorf("it changed: %v", field(now, "spec|dnsNames"))
	}
}

// A tie that a tenant writes gives nobody anything: one on a Certificate of the tenant's own that another
// namespace's Gateway doesn't name, and a copied one.
func TestForgedTiesAcrossNamespaces(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	secrets := shared.Watch(t, cluster.Secrets(), certs)
	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	shared.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs))
	secrets.Signed(t, "edge-tls", ca, "a.example.com")
	tie := shared.certificate(t, certs, "edge-tls").GetAnnotations()[tieKey]
	forged := map[string]string{"copied": tie, "forged": strings.ReplaceAll(tie, "/edge-tls", "/forged")}
	for name, text := range forged {
		shared.applyPlan(t, fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %s, namespace: %s, annotations: {%s: %q}}
spec: {secretName: %[1]s, dnsNames: [mine.example.com], issuerRef: {group: cert-manager.io, kind: ClusterIssuer, name: %[5]s}}
`, name, certs, tieKey, text, set[clusterIssuerKey]))
	}
	shared.Apply(t, infra, elsewhere("edge", set, "b.example.com", certs))
	secrets.Signed(t, "edge-tls", ca, "b.example.com")
	shared.settled(t, infra)
	for name := range forged {
		if now := shared.certificate(t, certs, name); !has("mine.example.com")(now) || now.GetGeneration() != 1 {
			t.Errorf("%s: %v", name, field(now, "spec|dnsNames"))
		}
	}
}
