package e2e

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/crds"
)

var xListenerSets = schema.GroupVersionResource{Group: "gateway.networking.x-k8s.io", Version: "v1alpha1", Resource: "xlistenersets"}

// experimental makes of a ListenerSet's manifest that of an XListenerSet.
func experimental(manifest string) string {
	return strings.NewReplacer("gateway.networking.k8s.io/v1\n", "gateway.networking.x-k8s.io/v1alpha1\n", "kind: ListenerSet", "kind: XListenerSet").Replace(manifest)
}

// serveXListenerSetsAlone is a Gateway API from before ListenerSets.
func (d *deployed) serveXListenerSetsAlone(t *testing.T) {
	t.Helper()
	if err := crds.InstallAll(t.Context(), d.Config, must(crds.Kind(t.Context(), xListenerSets))(t)); err != nil {
		t.Fatal(err)
	}
	d.removeListenerSets(t)
}

func (d *deployed) removeListenerSets(t *testing.T) {
	t.Helper()
	all := d.Watch(t, definitions, "")
	name := listenerSets.GroupResource().String()
	d.delete(t, definitions, "", name)
	all.Gone(t, "/"+name)
}

// hasStates compares what certshim says of the kinds of ListenerSets: whether they are looked at, and how many Certificates they have.
func (d *deployed) hasStates(t *testing.T, want ...string) {
	t.Helper()
	var kinds []struct {
		Kind, State  string
		Certificates *int
	}
	if err := json.Unmarshal([]byte(d.run(t, "sources", "-o", "json").stdout), &kinds); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kinds {
		if !strings.HasSuffix(k.Kind, "ListenerSet") {
			continue
		}
		count := "unknown"
		if k.Certificates != nil {
			count = strconv.Itoa(*k.Certificates)
		}
		got = append(got, k.Kind+" "+k.State+" "+count)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the kinds are %q, want %q", got, want)
	}
}

// XListenerSets are read where ListenerSets aren't served, and not where they are. Which of them are may
// change at any time; nothing is deleted for that.
func TestXListenerSetsWhereListenerSetsArentServed(t *testing.T) {
	t.Parallel()
	d := startDeployed(t, cluster.WithoutWebhook())
	d.serveXListenerSetsAlone(t)
	d.startFor(t, "certshim", "--leader-elect=false")
	namespace := d.Namespace(t)
	set := annotations{issuerKey: "ca"}
	ca := d.Issuer(t, namespace, "ca")
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	secrets := d.Watch(t, cluster.Secrets(), namespace)

	d.Apply(t, namespace, gateway("edge", set, "edge.example.com"))
	d.Apply(t, namespace, experimental(listenerSet("early", "edge", nil, "web.example.com")))
	secrets.Signed(t, "early-tls", ca, "web.example.com")
	made := certificates.Object(t, "early-tls", "to be solved through the Gateway", func(c *unstructured.Unstructured) bool {
		return c.GetAnnotations()["acme.cert-manager.io/http01-parentrefkind"] == "Gateway" && metav1.GetControllerOf(c) != nil && metav1.GetControllerOf(c).Kind == "XListenerSet"
	})

	d.hasStates(t, "ListenerSet not served unknown", "XListenerSet active 1")

	// With ListenerSets, these count alone: the other one has the same listener, and is no rival.
	if err := crds.Install(t.Context(), d.Config, crds.Gateway); err != nil {
		t.Fatal(err)
	}
	d.Apply(t, namespace, listenerSet("late", "edge", nil, "web.example.com"))
	secrets.Signed(t, "late-tls", ca, "web.example.com")
	d.Apply(t, namespace, experimental(listenerSet("early", "edge", nil, "new.example.com")))
	d.settled(t, namespace)
	if now := d.certificate(t, namespace, "early-tls"); now.GetUID() != made.GetUID() || now.GetGeneration() != made.GetGeneration() {
		t.Errorf("the Certificate of an XListenerSet changed, though ListenerSets are served: %v", field(now, "spec|dnsNames"))
	}

	d.hasStates(t, "ListenerSet active 1", "XListenerSet replaced unknown")

	// Without them, the XListenerSet is read again, and its Certificate follows.
	d.removeListenerSets(t)
	certificates.Object(t, "early-tls", "to follow", func(c *unstructured.Unstructured) bool {
		return c.GetUID() == made.GetUID() && has("new.example.com")(c)
	})
}
