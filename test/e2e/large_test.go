package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

// An object that asks for much gets it. Once it asks for more than is kept of any, its Certificate stays
// as it is, and an Event names the bound.
func TestALargeObjectIsReadUpToABound(t *testing.T) {
	const many, tooMany = 1000, 4000
	namespace := shared.Namespace(t)
	certificates, events := shared.Watch(t, cluster.Certificates(), namespace), shared.Watch(t, cluster.Events(), namespace)
	hosts := make([]string, tooMany)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range hosts {
		hosts[i] = fmt.Sprintf("%016x-%016x.example.com", random.Uint64(), random.Uint64())
	}
	issuer := annotations{issuerKey: "ca"}
	shared.Apply(t, namespace, ingress("web", issuer, hosts[:many]...))
	made := certificates.Object(t, "web-tls", fmt.Sprint("to have ", many, " names"), func(c *unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedSlice(c.Object, "spec", "dnsNames")
		return len(names) == many
	})

	shared.Apply(t, namespace, ingress("web", issuer, hosts...))
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "web", "BadConfig"), "note")), "its Certificates stay as they are", "more than 49152 bytes, compressed")
	shared.settled(t, namespace)
	if now := certificates.State()["web-tls"]; now == nil || now.GetUID() != made.GetUID() || now.GetGeneration() != made.GetGeneration() {
		t.Error("the Certificate didn't stay as it was")
	}

	shared.Apply(t, namespace, ingress("web", issuer, hosts[:many/2]...))
	certificates.Object(t, "web-tls", "to follow again", func(c *unstructured.Unstructured) bool {
		names, _, _ := unstructured.NestedSlice(c.Object, "spec", "dnsNames")
		return len(names) == many/2
	})
}
