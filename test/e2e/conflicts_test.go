package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// Of two ListenerSets for one hostname the one that comes first gets a certificate. The other orders nothing
// and is told so, keeps what it has, and gets its turn when the first one goes. Names are such that the order
// is the same where two were made within one second.
func TestListenersThatConflict(t *testing.T) {
	namespace := shared.Namespace(t)
	issuer := "conflict-" + namespace
	ca := shared.ClusterIssuer(t, issuer)
	set := annotations{clusterIssuerKey: issuer}
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	secrets := shared.Watch(t, cluster.Secrets(), namespace)
	events := shared.Watch(t, cluster.Events(), namespace)
	conflicts := func(loser, winner string) {
		t.Helper()
		events.Until(t, "a conflict of "+loser+" with "+winner, func(state cluster.State) bool {
			for _, event := range state {
				if about(event, loser) && field(event, "reason") == "ListenerConflict" && strings.Contains(fmt.Sprint(field(event, "note")), winner) {
					return true
				}
			}
			return false
		})
		shared.settled(t, namespace)
	}

	shared.Apply(t, namespace, gateway("edge", set, "edge.example.com"))
	shared.Apply(t, namespace, gateway("other", set, "other.example.com"))
	shared.Apply(t, namespace, listenerSet("a-oldest", "other", nil, "web.example.com"))
	shared.Apply(t, namespace, listenerSet("b-early", "edge", nil, "web.example.com"))
	secrets.Signed(t, "a-oldest-tls", ca, "web.example.com")
	secrets.Signed(t, "b-early-tls", ca, "web.example.com")

	shared.Apply(t, namespace, listenerSet("c-late", "edge", nil, "web.example.com"))
	conflicts("c-late", "ListenerSet "+namespace+"/b-early")
	if certificates.State()["c-late-tls"] != nil || secrets.State()["c-late-tls"] != nil {
		t.Error("a certificate is ordered for a listener that isn't served")
	}

	// The winner goes.
	shared.delete(t, listenerSets, namespace, "b-early")
	secrets.Signed(t, "c-late-tls", ca, "web.example.com")
	made := shared.certificate(t, namespace, "c-late-tls")

	// The oldest comes from another Gateway, and goes back. What was made meanwhile stays as it is.
	shared.patch(t, listenerSets, namespace, "a-oldest", `{"spec":{"parentRef":{"name":"edge"}}}`)
	conflicts("c-late", "ListenerSet "+namespace+"/a-oldest")
	shared.patch(t, listenerSets, namespace, "c-late", `{"metadata":{"annotations":{"cert-manager.io/duration":"1000h","cert-manager.io/usages":"none such"}}}`)
	awaitWarning(t, events, "c-late", "BadConfig")
	if now := shared.certificate(t, namespace, "c-late-tls"); now.GetUID() != made.GetUID() || now.GetGeneration() != made.GetGeneration() {
		t.Error("the Certificate of a listener that lost its place was changed")
	}
	shared.patch(t, listenerSets, namespace, "a-oldest", `{"spec":{"parentRef":{"name":"other"}}}`)
	certificates.Object(t, "c-late-tls", "to get its turn again", func(c *unstructured.Unstructured) bool { return field(c, "spec|duration") == "1000h0m0s" })

	// The Gateway comes before all ListenerSets.
	shared.Apply(t, namespace, gateway("edge", set, "web.example.com"))
	conflicts("c-late", "Gateway "+namespace+"/edge")
	secrets.Signed(t, "edge-tls", ca, "web.example.com")
	if now := shared.certificate(t, namespace, "c-late-tls"); now.GetUID() != made.GetUID() || now.GetDeletionTimestamp() != nil || !has("web.example.com")(now) {
		t.Error("the Certificate of a listener that lost its place didn't stay")
	}
}

// A Certificate that no listener names any more stays while its Gateway uses the Secret otherwise, here as
// a client of its backends.
func TestSecretThatAGatewayUsesAsAClient(t *testing.T) {
	namespace := shared.Namespace(t)
	shared.ClusterIssuer(t, "client-"+namespace)
	set := annotations{clusterIssuerKey: "client-" + namespace}
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	for _, name := range []string{"edge", "control"} {
		shared.Apply(t, namespace, gateway(name, set, name+".example.com"))
		certificates.Ready(t, name+"-tls")
	}
	const served = `{"spec":{"listeners":[{"name":"https","port":443,"protocol":"HTTPS","hostname":"%[1]s.example.com","tls":{"certificateRefs":[{"name":"%[1]s-new"}]}}]%[2]s}}`
	shared.patch(t, gateways, namespace, "edge", fmt.Sprintf(served, "edge", `,"tls":{"backend":{"clientCertificateRef":{"name":"edge-tls"}}}`))
	certificates.Ready(t, "edge-new")
	shared.patch(t, gateways, namespace, "control", fmt.Sprintf(served, "control", ""))
	certificates.Gone(t, "control-tls")
	shared.settled(t, namespace)
	if certificates.State()["edge-tls"] == nil {
		t.Fatal("a Certificate whose Secret its Gateway uses was deleted")
	}
	shared.patch(t, gateways, namespace, "edge", `{"spec":{"tls":null}}`)
	certificates.Gone(t, "edge-tls")
}
