package controller

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// hearing is a plugin that a test makes speak.
type hearing struct {
	noPlugins
	resolver.Callbacks
	objects []resolver.IssuerKey
	began   chan struct{}
}

func (h *hearing) Observes(kind resolver.GroupKind) resolver.Observe {
	if kind == issuerKind {
		return resolver.ObserveStatus
	}
	return resolver.ObserveNone
}

func (h *hearing) Run(ctx context.Context, cluster resolver.Callbacks) {
	h.Callbacks = cluster
	close(h.began)
	<-ctx.Done()
}

func (h *hearing) ObjectChanged(key resolver.IssuerKey) { h.objects = append(h.objects, key) }

func TestNewsOfAPluginWakesWhoWaitsForTheIssuer(t *testing.T) {
	h := &hearing{began: make(chan struct{})}
	c := newTestController(t, &script{}, func(config *Config) { config.Plugins = h })
	serving(c, inventory.Whole)
	// The issuer is missing, so that the source waits for it.
	c.reconcile(t.Context(), see(t, c, ingress(issuer, "tls")))
	queued(c)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.askPlugins(ctx) })
	defer running.Wait()
	defer cancel()
	<-h.began
	h.Changed([]resolver.IssuerKey{{GroupKind: issuerKind, Namespace: "shop", Name: "other"}})
	if got := queued(c); len(got) > 0 {
		t.Errorf("news of another issuer queues %v", got)
	}
	h.Changed([]resolver.IssuerKey{{GroupKind: issuerKind, Namespace: "shop", Name: "ca"}})
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("news of the issuer queues %v", got)
	}
}

// Of the issuers that a plugin speaks for, it sees what it asked for and hears of changes.
func TestAPluginSeesTheStatusOfItsIssuers(t *testing.T) {
	h := &hearing{began: make(chan struct{})}
	c := newTestController(t, &script{}, func(config *Config) { config.Plugins = h })
	running, stop := context.WithCancel(t.Context())
	defer stop()
	go c.askPlugins(running)
	<-h.began
	key := resolver.IssuerKey{GroupKind: issuerKind, Namespace: "shop", Name: "ca"}
	for range 2 {
		seeIssuer(t, issuersOf(t, c, issuerKind), issuerNamed("ca", "True"))
	}
	if seen := string(h.Observed(key)); !strings.Contains(seen, `"status":"True"`) || strings.Contains(seen, "secretName") {
		t.Errorf("it sees %s", seen)
	}
	if !slices.Equal(h.objects, []resolver.IssuerKey{key}) {
		t.Errorf("it was told of %v", h.objects)
	}
	seeIssuer(t, issuersOf(t, c, clusterIssuerKind), issuerNamed("ca", "True"))
	if seen := h.Observed(resolver.IssuerKey{GroupKind: clusterIssuerKind, Namespace: "shop", Name: "ca"}); seen != nil || len(h.objects) != 1 {
		t.Errorf("of a kind that it doesn't speak for it sees %s, and was told of %v", seen, h.objects)
	}
}

// What is wrong with a plugin is told on this program's Pod, where it runs in one.
// A kind of source that goes is told on its definition: the objects can't be told any more.
func TestAKindThatIsRemovedIsTold(t *testing.T) {
	ingresses := cluster.Status{
		Resource: schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
		Kind:     resolver.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, Ended: true,
	}
	for name, row := range map[string]struct {
		status cluster.Status
		served []*metav1.APIResourceList
		told   int
	}{
		"it is gone":            {ingresses, []*metav1.APIResourceList{listOf("apps/v1", metav1.APIResource{Name: "deployments", Kind: "Deployment", Namespaced: true})}, 1},
		"it is read once more":  {ingresses, []*metav1.APIResourceList{listOf("networking.k8s.io/v1", metav1.APIResource{Name: "ingresses", Kind: "Ingress", Namespaced: true})}, 0},
		"it is no kind of ours": {cluster.Status{Kind: resolver.GroupKind{Group: "step.sm", Kind: "StepIssuer"}, Ended: true}, []*metav1.APIResourceList{listOf("apps/v1", metav1.APIResource{Name: "deployments", Kind: "Deployment", Namespaced: true})}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestController(t, &script{})
			serve(c, row.served...)
			c.feedChanged(row.status)
			all := taken(c.reporter)
			if len(all) != row.told {
				t.Fatalf("%d Events", len(all))
			}
			for _, one := range all {
				e := c.recorder.event(one)
				if e.Reason != kindRemoved || e.Namespace != "default" || e.Regarding.Kind != "CustomResourceDefinition" || e.Regarding.Name != "ingresses.networking.k8s.io" || e.Regarding.Namespace != "" {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

func TestTroubleOfAPluginIsToldOnThePod(t *testing.T) {
	for fault, want := range map[resolver.Fault]string{
		resolver.Rejected: resolverRejected, resolver.WrongVersion: resolverVersion, resolver.Broken: resolverBroken,
	} {
		c := newTestController(t, &script{})
		c.tellTrouble("corp-ca", fault, `"outside of any pod"`)
		c.config.Pod = source.Ref{Version: "v1", Kind: "Pod", Namespace: "certshim", Name: "certshim-0", UID: "u"}
		c.tellTrouble("corp-ca", fault, `"it sets duration"`)
		all := taken(c.reporter)
		if len(all) != 1 {
			t.Fatalf("%s: %d Events", fault, len(all))
		}
		e := c.recorder.event(all[0])
		if e.Reason != want || e.Namespace != "certshim" || e.Regarding.Kind != "Pod" || e.Regarding.Name != "certshim-0" || e.Regarding.APIVersion != "v1" ||
			e.Type != "Warning" || !strings.Contains(e.Note, "corp-ca") || !strings.Contains(e.Note, `"it sets duration"`) {
			t.Errorf("%s: got %+v", fault, e)
		}
	}
}
