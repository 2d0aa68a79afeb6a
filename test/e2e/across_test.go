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
	infra, certs := shared.Namespace(t), shared.Namespace(t)
	issuer := "across-" + infra
	ca := shared.ClusterIssuer(t, issuer)
	set := annotations{clusterIssuerKey: issuer}
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
	infra, certs := shared.Namespace(t), shared.Namespace(t)
	issuer := "load-" + infra
	shared.ClusterIssuer(t, issuer)
	set := annotations{clusterIssuerKey: issuer}
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
	infra, certs := shared.Namespace(t), shared.Namespace(t)
	issuer := "anew-" + infra
	shared.ClusterIssuer(t, issuer)
	set := annotations{clusterIssuerKey: issuer}
	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	shared.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs))
	certificates := shared.Watch(t, cluster.Certificates(), certs)
	certificates.Object(t, "edge-tls", "to be made", exists)
	events := shared.Watch(t, cluster.Events(), infra)
	namespaces := shared.Watch(t, schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "")
	shared.delete(t, schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "", certs)
	namespaces.Gone(t, "/"+certs)
	shared.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: "+certs+"}}")
	awaitWarning(t, events, "edge", "NotGranted")
	shared.settled(t, infra)
	if got := len(shared.Watch(t, cluster.Certificates(), certs).State()); got > 0 {
		t.Errorf("%d Certificates in the new namespace", got)
	}
}
