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

func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in %q", part, text)
		}
	}
}

func TestBadAnnotationIsToldOnceAndMakesNothing(t *testing.T) {
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "90d"}, "a.example.com"))
	event := awaitWarning(t, events, "web", "BadConfig")
	wantIn(t, fmt.Sprint(field(event, "note")), "cert-manager.io/duration", "90d", "2160h")

	shared.patch(t, ingresses, namespace, "web", `{"metadata":{"labels":{"touched":"yes"}}}`)
	shared.settled(t, namespace)
	if got := warningsAbout(events.State(), "web"); got["BadConfig"] != 1 {
		t.Errorf("Events: %v, want BadConfig once", got)
	}
	if list := shared.list(t, namespace); len(list) != 1 {
		t.Errorf("got %d Certificates, want the one of settled alone", len(list))
	}
}

func TestAllProblemsAreToldInOnePass(t *testing.T) {
	namespace := shared.Namespace(t)
	events := shared.Watch(t, cluster.Events(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{
		issuerKey: "ca", "cert-manager.io/duration": "x", "cert-manager.io/usages": "Server Auth", "cert-manager.io/private-key-size": "1",
	}, "a.example.com"))
	events.Until(t, "three Events", func(state cluster.State) bool { return warningsAbout(state, "web")["BadConfig"] == 3 })
}

func TestBadAnnotationKeepsTheLiveValueAndGetsTheRest(t *testing.T) {
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h"}, "a.example.com"))
	certificates.Object(t, "web-tls", "to be made", exists)

	shared.patch(t, ingresses, namespace, "web",
		`{"metadata":{"annotations":{"cert-manager.io/duration":"90d","cert-manager.io/common-name":"a.example.com"}}}`)
	certificates.Object(t, "web-tls", "to get the name and keep the duration", func(c *unstructured.Unstructured) bool {
		return field(c, "spec|commonName") == "a.example.com" && field(c, "spec|duration") == "2000h0m0s"
	})
}

func (d *deployed) list(t *testing.T, namespace string) []unstructured.Unstructured {
	t.Helper()
	list, err := d.Dynamic.Resource(cluster.Certificates()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// settled returns when certshim has worked on everything that happened in the namespace
// before: a change made last has arrived, and nothing waits in its queue.
func (d *deployed) settled(t *testing.T, namespace string) {
	t.Helper()
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	d.Apply(t, namespace, ingress("settled", annotations{issuerKey: "ca"}, "settled.example.com"))
	certificates.Object(t, "settled-tls", "to be made", exists)
	for name := range d.running {
		if err := cluster.Poll(t.Context(), name+" to have an empty queue", func(context.Context) (bool, error) {
			depth, err := d.metric(t, name, "certshim_queue_depth")
			return depth == 0, err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// metric is the sum of a metric's series in one certshim.
func (d *deployed) metric(t *testing.T, name, metric string) (float64, error) {
	t.Helper()
	total, _, err := cluster.Metric(t.Context(), d.running[name].Address, metric)
	return total, err
}
