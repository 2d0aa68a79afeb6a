package controller

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/cluster/codec"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// clientsOf gives the same client for any paths.
type clientsOf struct{ client dynamic.Interface }

func (c clientsOf) Dynamic([]string, codec.Reader) (dynamic.Interface, error) { return c.client, nil }

// connectTo gives the controller, which knows nothing yet, a cluster that serves cert-manager's
// kinds and Namespaces, and has these objects.
func connectTo(t *testing.T, c *Controller, objects ...runtime.Object) *fake.FakeDynamicClient {
	t.Helper()
	lists := map[schema.GroupVersionResource]string{certificate.Resource(): "CertificateList", namespacesResource(): "NamespaceList"}
	for resource, kind := range map[string]string{"issuers": "IssuerList", "clusterissuers": "ClusterIssuerList"} {
		lists[certificate.Resource().GroupVersion().WithResource(resource)] = kind
	}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
	c.informed.Store(false)
	c.inventory.Know(inventory.CertificateKind(), inventory.Unread)
	c.feeds = c.newFeeds(clientsOf{client})
	t.Cleanup(c.feeds.Stop)
	serve(c, certManager(), listOf("v1", metav1.APIResource{Name: "namespaces", Kind: "Namespace"}))
	return client
}

// settleUntil lets the controller follow its feeds until something is so.
func settleUntil(t *testing.T, c *Controller, firstReady chan struct{}, is func() bool) {
	t.Helper()
	for c.attachFeeds(t.Context(), firstReady); !is(); c.attachFeeds(t.Context(), firstReady) {
		select {
		case <-c.look:
		case <-time.After(time.Minute):
			t.Fatal("it doesn't come")
		}
	}
}

func isReady(c *Controller) func() bool {
	return func() bool { return c.informed.Load() && c.ready.Load() }
}

// A source that is read again is gone for a moment, and nothing follows from that.
func TestNothingIsDecidedWhileObjectsAreReadAgain(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	serving(c, inventory.Whole)
	k := see(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	queued(c)
	told := len(c.reporter.keys())
	writer.requests = nil
	c.usePolicy(c.policy())
	c.queue.soon(k)
	drain(t, c)
	goes(t, c, ingress(issuer, "tls"))
	c.queue.soon(k)
	drain(t, c)
	// A worker may have taken it from the queue before.
	c.reconcile(t.Context(), k)
	if len(writer.requests) > 0 || told == 0 || len(c.reporter.keys()) != told {
		t.Errorf("requests %v; told %d, then %d", writer.requests, told, len(c.reporter.keys()))
	}
}

// A source that goes away while nothing can be decided is forgotten afterwards.
func TestASourceThatGoesWhileNothingIsDecidedIsForgotten(t *testing.T) {
	c := newTestController(t, &script{})
	connectTo(t, c)
	firstReady := make(chan struct{})
	settleUntil(t, c, firstReady, isReady(c))
	k := see(t, c, ingress(issuer, "tls"))
	drain(t, c)
	other := at("shop", "other")
	c.waiting.set(other, "plugin/corp")
	c.usePolicy(c.policy())
	goes(t, c, ingress(issuer, "tls"))
	drain(t, c)
	if !slices.Equal(c.reporter.keys(), []key{k}) {
		t.Fatalf("remembered are %v", c.reporter.keys())
	}
	settleUntil(t, c, firstReady, isReady(c))
	drain(t, c)
	if len(c.reporter.keys())+len(c.waiting.keys()) > 0 {
		t.Errorf("remembered are %v, %v", c.reporter.keys(), c.waiting.keys())
	}
}

// Certificates that are no longer watched aren't taken for absent: neither while they are being
// forgotten nor once it is known that they aren't served.
func TestNothingIsDecidedOnceCertificatesAreForgotten(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	connectTo(t, c)
	settleUntil(t, c, make(chan struct{}), isReady(c))
	k := see(t, c, ingress(issuer, "tls"))
	c.feeds.Update(t.Context(), nil, func(string) bool { return false })
	c.reconcile(t.Context(), k)
	serve(c, listOf("apps/v1", metav1.APIResource{Name: "deployments", Kind: "Deployment", Namespaced: true}))
	c.know()
	c.reconcile(t.Context(), k)
	c.attachFeeds(t.Context(), make(chan struct{}))
	c.reconcile(t.Context(), k)
	if c.informed.Load() || len(writer.requests) > 0 || len(c.reporter.keys()) > 0 {
		t.Errorf("informed %v, requests %v, told %v", c.informed.Load(), writer.requests, c.reporter.keys())
	}
}

// What comes late, as when its CRD is installed while certshim runs, wakes whoever was decided
// without it.
func TestAFirstListWakesWhoeverReadThatNothingWasThere(t *testing.T) {
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
		"metadata": map[string]any{"namespace": "shop", "name": "gw", "uid": "g"},
		"spec":     map[string]any{"allowedListeners": map[string]any{"namespaces": map[string]any{"from": "All"}}},
	}}
	set := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
		"metadata": map[string]any{"namespace": "shop", "name": "set", "uid": "s", "annotations": issuer},
		"spec": map[string]any{"parentRef": map[string]any{"name": "gw"}, "listeners": []any{map[string]any{
			"name": "l", "protocol": "HTTPS", "hostname": "a.example.com", "tls": map[string]any{"certificateRefs": []any{map[string]any{"name": "set"}}},
		}}},
	}}
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "annotations": issuer},
	}}
	strangers := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"namespace": "shop", "name": "tls", "uid": "c"},
		"spec": map[string]any{"secretName": "tls"},
	}}
	for name, row := range map[string]struct {
		reads, late *unstructured.Unstructured
		resource    func(*Controller) cluster.Resource
		want        []string
	}{
		"a Gateway": {set, gateway, func(c *Controller) cluster.Resource {
			return sourcesOf(c, kindOf(t, "gateway.networking.k8s.io", "Gateway"))
		}, []string{"gw", "set"}},
		"an issuer":     {ingress(issuer, "tls"), issuerNamed("ca", "True"), func(c *Controller) cluster.Resource { return issuersOf(t, c, issuerKind) }, []string{"web"}},
		"a Namespace":   {ingress(auto, "tls"), namespace, namespacesOf, []string{"web"}},
		"a Certificate": {ingress(issuer, "tls"), strangers, certificatesOf, []string{"web"}},
		"an older source": {
			named(ingress(issuer, "tls"), "zweb"), named(ingress(issuer, "tls"), "web"),
			func(c *Controller) cluster.Resource { return sourcesOf(c, ingressKind(t)) }, []string{"web", "zweb"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestController(t, &script{}, byNamespaces)
			serving(c, inventory.Whole)
			for _, kind := range []resolver.GroupKind{inventory.NamespaceKind(), {Group: "gateway.networking.k8s.io", Kind: "Gateway"}, {Group: "gateway.networking.k8s.io", Kind: "ListenerSet"}, {Group: "gateway.networking.x-k8s.io", Kind: "XListenerSet"}} {
				c.inventory.Know(kind, inventory.Whole)
			}
			k := see(t, c, row.reads.DeepCopy())
			queued(c)
			c.reconcile(t.Context(), k)
			take(t, row.resource(c), row.late.DeepCopy(), true)
			var looked []string
			for c.queue.Len() > 0 {
				k, _ := c.queue.Get()
				c.reconcile(t.Context(), k)
				c.queue.Done(k)
				looked = append(looked, k.Name())
			}
			slices.Sort(looked)
			if !slices.Equal(slices.Compact(looked), row.want) {
				t.Errorf("looked at are %v, want %v", looked, row.want)
			}
		})
	}
}

func namespacesOf(c *Controller) cluster.Resource {
	return c.resource(namespacesResource(), inventory.NamespaceKind(), c.inventory.Namespaces())
}

// A first list can wait, a change can't.
func TestAFirstListGoesThroughTheSlowLane(t *testing.T) {
	c := newTestController(t, &script{})
	r := sourcesOf(c, ingressKind(t))
	take(t, r, named(ingress(issuer, "a"), "listed"), true)
	take(t, r, named(ingress(issuer, "b"), "changed"), false)
	for _, want := range []string{"changed", "listed"} {
		k, _ := c.queue.Get()
		if c.queue.Done(k); k.Name() != want {
			t.Errorf("next comes %s, want %s", k.Name(), want)
		}
	}
}

// Before it is known what Namespaces say, nothing is decided by them, and so nothing is told.
func TestWhatGoesByNamespacesWaitsUntilTheyAreKnown(t *testing.T) {
	wrong := ingress(map[string]any{"kubernetes.io/tls-acme": "true", "cert-manager.io/duration": "no"}, "tls")
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop"}}}
	toldSoon := func(c *Controller) func() bool {
		return func() bool { drain(t, c); return c.recorder.warnings.busy() }
	}
	t.Run("they are read", func(t *testing.T) {
		c := newTestController(t, &script{}, byNamespaces)
		connectTo(t, c, namespace.DeepCopy())
		c.informed.Store(true)
		c.inventory.Know(inventory.CertificateKind(), inventory.Whole)
		see(t, c, wrong.DeepCopy())
		if drain(t, c); c.recorder.warnings.busy() {
			t.Error("told before they are known")
		}
		settleUntil(t, c, make(chan struct{}), toldSoon(c))
	})
	t.Run("they can't be read", func(t *testing.T) {
		c := newTestController(t, &script{}, byNamespaces)
		client := connectTo(t, c)
		client.PrependReactor("*", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(namespacesResource().GroupResource(), "", nil)
		})
		c.informed.Store(true)
		c.inventory.Know(inventory.CertificateKind(), inventory.Whole)
		see(t, c, wrong.DeepCopy())
		if drain(t, c); c.recorder.warnings.busy() {
			t.Error("told before that is known")
		}
		settleUntil(t, c, make(chan struct{}), toldSoon(c))
		if got := testutil.ToFloat64(c.metrics.forbidden.WithLabelValues("namespaces")); got != 1 {
			t.Errorf("that Namespaces may not be read shows as %v", got)
		}
	})
	// The objects in a new namespace may be seen before it is.
	t.Run("it is new", func(t *testing.T) {
		c := newTestController(t, &script{}, byNamespaces)
		client := connectTo(t, c)
		settleUntil(t, c, make(chan struct{}), isReady(c))
		k := see(t, c, wrong.DeepCopy())
		settleUntil(t, c, make(chan struct{}), func() bool { return c.feeds.Attached(namespacesResource()) })
		if drain(t, c); c.recorder.warnings.busy() {
			t.Error("told before it is known")
		}
		if err := client.Tracker().Add(namespace.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		if again, _ := c.queue.Get(); again != k {
			t.Errorf("once it is known, queued is %v", again.Name())
		}
		if c.reconcile(t.Context(), k); !c.recorder.warnings.busy() {
			t.Error("what is wrong is told to nobody")
		}
		c.queue.Done(k)
	})
}

func TestTheEndOfEachPeakOfMemoryIsTold(t *testing.T) {
	peaks := 0
	c := newTestController(t, &script{}, func(config *Config) { config.AfterPeak = func() { peaks++ } })
	connectTo(t, c)
	see(t, c, ingress(issuer, "tls"))
	if c.noteIdle(); peaks != 0 {
		t.Errorf("%d peaks ended before Certificates are in memory", peaks)
	}
	firstReady := make(chan struct{})
	settleUntil(t, c, firstReady, isReady(c))
	c.attachFeeds(t.Context(), firstReady)
	select {
	case <-firstReady:
	default:
		t.Error("nobody is told that there is something to work with")
	}
	if c.noteIdle(); peaks != 1 {
		t.Errorf("%d peaks ended once the lists are in memory, want 1", peaks)
	}
	drain(t, c)
	c.noteIdle()
	if c.noteIdle(); peaks != 2 || testutil.ToFloat64(c.metrics.initialDone) != 1 {
		t.Errorf("%d peaks ended once all is done, want 2", peaks)
	}
	c.usePolicy(c.policy())
	settleUntil(t, c, firstReady, isReady(c))
	if got := queued(c); !slices.Equal(got, []string{"web"}) || peaks != 2 {
		t.Errorf("by another policy, queued are %v; %d peaks ended", got, peaks)
	}
}

// The metrics show how a feed goes.
func TestFeedsShowInMetrics(t *testing.T) {
	c := newTestController(t, &script{})
	resource := certificate.Resource()
	value := func(of *prometheus.GaugeVec) float64 { return testutil.ToFloat64(of.WithLabelValues(label(resource))) }
	forbidden := apierrors.NewForbidden(resource.GroupResource(), "", nil)
	missing := apierrors.NewNotFound(resource.GroupResource(), "")
	for i, row := range []struct {
		status                     cluster.Status
		synced, forbidden, failing float64
	}{
		{cluster.Status{}, 0, 0, 0},
		{cluster.Status{Attached: true}, 1, 0, 0},
		{cluster.Status{Attached: true, Refused: map[string]error{"shop": missing}}, 1, 0, 0},
		{cluster.Status{Attached: true, Refused: map[string]error{"shop": missing, "web": forbidden}}, 1, 1, 0},
		{cluster.Status{Attached: true, Failing: map[string]error{"shop": errors.New("503")}}, 1, 0, 1},
		{cluster.Status{Attached: true}, 1, 0, 0},
	} {
		row.status.Resource = resource
		c.feedChanged(row.status)
		if value(c.metrics.synced) != row.synced || value(c.metrics.forbidden) != row.forbidden || value(c.metrics.failing) != row.failing {
			t.Errorf("step %d: synced %v, forbidden %v, failing %v", i, value(c.metrics.synced), value(c.metrics.forbidden), value(c.metrics.failing))
		}
	}
	c.feedChanged(cluster.Status{Resource: resource, Ended: true})
	if n := testutil.CollectAndCount(c.metrics.synced) + testutil.CollectAndCount(c.metrics.forbidden) + testutil.CollectAndCount(c.metrics.failing); n != 0 {
		t.Errorf("of a feed that has ended, %d series are left", n)
	}
}
