package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	certshimannotations "github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/controller"
	"github.com/certshim/certshim/test/cluster"
)

var namespaceResource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// grantOf lets Gateways of a namespace have what the items name.
func grantOf(name, namespace string, items ...string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: %s}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: %s}]
  to: [%s]
`, name, namespace, strings.Join(items, ", "))
}

const (
	anySecret      = `{group: "", kind: Secret}`
	anyCertificate = "{group: cert-manager.io, kind: Certificate}"
)

func secretItem(name string) string { return `{group: "", kind: Secret, name: ` + name + "}" }

func certificateItem(name string) string {
	return "{group: cert-manager.io, kind: Certificate, name: " + name + "}"
}

// What a grant says of Secrets alone, of all Certificates, or in parts that don't fit one another, lets nobody write; two grants
// that complete each other do, and the object's own namespace needs none.
func TestWhatGrantsDontSay(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	vault := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), infra)
	inCerts, inVault := shared.Watch(t, cluster.Secrets(), certs), shared.Watch(t, cluster.Secrets(), vault)

	// In one namespace grants name Secrets, in the other one none.
	shared.Apply(t, certs, grantOf("alone", infra, secretItem("alone-tls")))
	shared.Apply(t, certs, grantOf("secret", infra, secretItem("parts-tls"))+"---"+grantOf("certificate", infra, certificateItem("parts-tls")))
	shared.Apply(t, certs, strings.Replace(grantOf("crossed", infra, secretItem("crossed-tls"), certificateItem("crossed-tls")), "kind: Gateway", "kind: ListenerSet", 1)+
		"---"+grantOf("beside", infra, secretItem("other-tls"), certificateItem("other-tls")))
	shared.Apply(t, vault, grantOf("all", infra, anySecret, anyCertificate))
	for name, at := range map[string]string{"alone": certs, "parts": certs, "crossed": certs, "unnamed": vault} {
		shared.Apply(t, infra, elsewhere(name, set, name+".example.com", at))
	}
	shared.Apply(t, infra, elsewhere("own", set, "own.example.com", infra))
	shared.Apply(t, infra, manySecrets("many", set, vault))

	inCerts.Signed(t, "parts-tls", ca, "parts.example.com")
	shared.Watch(t, cluster.Secrets(), infra).Signed(t, "own-tls", ca, "own.example.com")
	if owners := shared.certificate(t, infra, "own-tls").GetOwnerReferences(); len(owners) != 1 || owners[0].Name != "own" {
		t.Errorf("the Certificate beside its Gateway is owned by %v", owners)
	}
	awaitNote(t, events, "alone", "NotGranted", `kind: Certificate, name: "alone-tls"`)
	awaitWarning(t, events, "crossed", "NotGranted")
	awaitNote(t, events, "unnamed", "NotGranted", "one for all Certificates doesn't count")
	awaitNote(t, events, "many", "NotGranted", "one for all Certificates doesn't count")
	shared.settled(t, infra)
	if got := shared.list(t, vault); len(got) > 0 {
		t.Errorf("%d Certificates by a grant without names", len(got))
	}
	if got := shared.list(t, certs); len(got) != 1 {
		t.Errorf("%d Certificates where one is granted", len(got))
	}

	// One name is enough for that one.
	shared.Apply(t, vault, grantOf("one", infra, certificateItem("many-7-0-tls")))
	inVault.Signed(t, "many-7-0-tls", ca, "n7.example.com")
	shared.settled(t, infra)
	if got := shared.list(t, vault); len(got) != 1 {
		t.Errorf("%d Certificates by a grant for one", len(got))
	}
}

// manySecrets is a Gateway with as many listeners as it can have, each with two Secrets of another namespace.
func manySecrets(name string, set annotations, namespace string) string {
	const listeners, refs = 64, 2
	var b strings.Builder
	head, _, _ := strings.Cut(gateway(name, set, "a.example.com"), "  - {name: https")
	b.WriteString(head)
	for n := range listeners {
		var secrets []string
		for m := range refs {
			secrets = append(secrets, fmt.Sprintf("{namespace: %s, name: %s-%d-%d-tls}", namespace, name, n, m))
		}
		fmt.Fprintf(&b, "  - {name: l%d, port: 443, protocol: HTTPS, hostname: n%d.example.com, tls: {certificateRefs: [%s]}}\n", n, n, strings.Join(secrets, ", "))
	}
	return b.String()
}

// A Gateway that is granted a Secret before an Ingress of that namespace wants it keeps it; the Ingress is told, and gets it once
// the grant is taken back and the Certificate deleted.
func TestAGrantedSecretThatAnIngressWants(t *testing.T) {
	infra, certs, ca, set := shared.across(t)
	secrets, events := shared.Watch(t, cluster.Secrets(), certs), shared.Watch(t, cluster.Events(), certs)
	certificates := shared.Watch(t, cluster.Certificates(), certs)
	shared.Apply(t, certs, granting("v1", infra, "web-tls"))
	shared.Apply(t, infra, strings.Replace(elsewhere("edge", set, "edge.example.com", certs), "edge-tls", "web-tls", 1))
	secrets.Signed(t, "web-tls", ca, "edge.example.com")
	made := shared.certificate(t, certs, "web-tls")

	shared.Apply(t, certs, ingress("web", set, "web.example.com"))
	awaitWarning(t, events, "web", "SecretTaken")
	shared.settled(t, certs)
	if now := shared.certificate(t, certs, "web-tls"); now.GetUID() != made.GetUID() || now.GetGeneration() != made.GetGeneration() {
		t.Errorf("the Certificate became one for %v", field(now, "spec|dnsNames"))
	}

	shared.delete(t, grants, certs, "edge")
	shared.settled(t, certs)
	shared.delete(t, cluster.Certificates(), certs, "web-tls")
	certificates.Object(t, "web-tls", "to be that of the Ingress", func(c *unstructured.Unstructured) bool {
		owners := c.GetOwnerReferences()
		return c.GetUID() != made.GetUID() && len(owners) == 1 && owners[0].Name == "web"
	})
	secrets.Signed(t, "web-tls", ca, "web.example.com")
}

// Where an issuer's challenges would be answered by a Gateway, it is told if no listener of that takes their routes: a Warning if
// one for HTTP refuses them, a Normal Event if there is none.
func TestChallengesThatAGatewayDoesntAnswer(t *testing.T) {
	infra, certs := shared.Namespace(t), shared.Namespace(t)
	issuer := "acme-" + infra
	clusterIssuers := schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "clusterissuers"}
	shared.Apply(t, "", "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: "+issuer+"}, spec: {acme: {server: https://acme.invalid/directory, "+
		"privateKeySecretRef: {name: "+issuer+"}, solvers: [{http01: {gatewayHTTPRoute: {}}}]}}}")
	t.Cleanup(func() { shared.Delete(t, clusterIssuers, "", issuer) })
	events, set := shared.Watch(t, cluster.Events(), infra), annotations{clusterIssuerKey: issuer}
	shared.Apply(t, certs, granting("v1", infra, "edge-tls"))
	shared.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs)+"  - {name: http, port: 80, protocol: HTTP}\n")
	shared.Apply(t, infra, gateway("alone", set, "b.example.com"))
	told := awaitWarning(t, events, "edge", "ChallengeUnanswered")
	if note := fmt.Sprint(field(told, "note")); !strings.Contains(note, "spec.listeners[1].allowedRoutes") || !strings.Contains(note, "HTTPRoutes of the namespace "+certs) {
		t.Errorf("told %s", note)
	}
	awaitNote(t, events, "alone", "ChallengeUnanswered", "it has no listener of protocol HTTP")
}

// What the operator decides about Secrets of other namespaces, with the permissions of deploy/.
func TestOtherNamespacesByConfiguration(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutCertManager(), cluster.WithoutWebhook())
	d.allowTo(t, "", "namespaces", "get", "list", "watch")
	d.Apply(t, "", "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: own}, spec: {selfSigned: {}}}")
	set := annotations{clusterIssuerKey: "own"}
	t.Run("a grant that names the Secret is enough, and none once they are off", func(t *testing.T) { d.switchesOff(t, set) })
	t.Run("orphans are deleted", func(t *testing.T) { d.deletesOrphans(t, set) })
}

func (d *deployed) switchesOff(t *testing.T, set annotations) {
	t.Helper()
	infra, certs := d.Namespace(t), d.Namespace(t)
	certificates, events := d.Watch(t, cluster.Certificates(), certs), d.Watch(t, cluster.Events(), infra)
	in := func(mode certshim.Crossing) func(*controller.Config) {
		return func(c *controller.Config) { c.Namespaces, c.CrossNamespace.Mode = []string{infra, certs}, mode }
	}
	d.Apply(t, certs, grantOf("edge", infra, secretItem("edge-tls")))
	d.Apply(t, infra, elsewhere("edge", set, "a.example.com", certs))
	d.Apply(t, certs, grantOf("whole", infra, secretItem("whole-tls"), certificateItem("whole-tls")))
	t.Run("secretGrant", func(t *testing.T) {
		d.controls(t, in(certshim.CrossSecretGrant))
		certificates.Object(t, "edge-tls", "to be made", has("a.example.com"))
		d.Apply(t, infra, strings.Replace(elsewhere("unnamed", set, "u.example.com", certs), "unnamed-tls", "other-tls", 1))
		awaitWarning(t, events, "unnamed", "NotGranted")
	})
	made := d.certificate(t, certs, "edge-tls")
	t.Run("off", func(t *testing.T) {
		d.controls(t, in(certshim.CrossOff))
		d.Apply(t, infra, elsewhere("edge", set, "b.example.com", certs)+"---"+elsewhere("whole", set, "c.example.com", certs))
		awaitNote(t, events, "edge", "BadConfig", "only Secrets of the object's own namespace are kept")
		awaitNote(t, events, "whole", "BadConfig", "only Secrets of the object's own namespace are kept")
	})
	if now := d.certificate(t, certs, "edge-tls"); now.GetUID() != made.GetUID() || now.GetGeneration() != made.GetGeneration() {
		t.Errorf("while they are off, it became one for %v", field(now, "spec|dnsNames"))
	}
	if got := d.list(t, certs); len(got) != 1 {
		t.Errorf("%d Certificates in the other namespace", len(got))
	}
}

// deletesOrphans shows which Certificates go, and which stay: whose object is alive and names another Secret, whose object said
// that they are to stay, whose grant was taken back, and whose object went with its namespace.
func (d *deployed) deletesOrphans(t *testing.T, set annotations) {
	t.Helper()
	infra, left, certs := d.Namespace(t), d.Namespace(t), d.Namespace(t)
	certificates, spaces := d.Watch(t, cluster.Certificates(), certs), d.Watch(t, namespaceResource, "")
	d.controls(t, func(c *controller.Config) {
		c.Namespaces, c.CrossNamespace.Orphans = []string{infra, left, certs}, certshimannotations.DeleteUnneeded
		c.Orphans = controller.Orphans{Pause: 100 * time.Millisecond, Grace: time.Second}
	})
	uids := map[string]any{}
	for name, from := range map[string]string{"again": infra, "gone": infra, "kept": infra, "last": infra, "left": left, "moved": infra, "revoked": infra} {
		said := maps.Clone(set)
		if name == "kept" {
			said["certshim.io/deletion-policy"] = "retain"
		}
		d.Apply(t, certs, grantOf(name, from, secretItem(name+"-tls"), certificateItem(name+"-tls")))
		d.Apply(t, from, elsewhere(name, said, name+".example.com", certs))
		uids[name] = certificates.Object(t, name+"-tls", "to be made", exists).GetUID()
	}
	d.delete(t, grants, certs, "revoked")
	d.delete(t, namespaceResource, "", left)
	spaces.Gone(t, "/"+left)
	d.Apply(t, infra, gateway("moved", set, "moved.example.com"))
	for _, name := range []string{"again", "gone", "kept", "revoked"} {
		d.delete(t, gateways, infra, name)
	}
	certificates.Gone(t, "gone-tls")

	// A later Gateway of the name gets its own.
	d.Apply(t, infra, elsewhere("again", set, "later.example.com", certs))
	certificates.Object(t, "again-tls", "to be that of the later Gateway", has("later.example.com"))

	// The others had their turn, too, once another one is gone.
	d.delete(t, gateways, infra, "last")
	certificates.Gone(t, "last-tls")
	for _, name := range []string{"kept", "left", "moved", "revoked"} {
		if now := d.certificate(t, certs, name+"-tls"); now.GetUID() != uids[name] || now.GetDeletionTimestamp() != nil {
			t.Errorf("%s-tls is another one, or is deleted", name)
		}
	}
}
