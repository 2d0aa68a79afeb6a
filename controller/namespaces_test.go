package controller

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kube "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/metadata/fake"

	"github.com/certshim/certshim"
)

var auto = map[string]any{"kubernetes.io/tls-acme": "true"}

// watchNamespaces gives the controller a cluster with these Namespaces, which it watches.
func watchNamespaces(t *testing.T, c *Controller, objects ...kube.Object) *fake.FakeMetadataClient {
	t.Helper()
	scheme := fake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	client := fake.NewSimpleMetadataClient(scheme, objects...)
	synced := make(chan struct{})
	c.namespaces = &namespaces{
		client: client, metrics: newMetrics(prometheus.NewRegistry(), "", func() float64 { return 0 }),
		log: slog.New(slog.DiscardHandler), keeps: c.config.Policy.Parser.MeansIssuer,
		changed: func(name string, what namespaceChange) {
			c.namespaceChanged(name, what)
			if name == "" {
				close(synced)
			}
		},
	}
	c.namespaces.need(t.Context(), true)
	t.Cleanup(func() { c.namespaces.need(t.Context(), false) })
	<-synced
	return client
}

func namespace(name string, labels, annotations map[string]string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: annotations},
	}
}

// Of a namespace, only what counts is kept in memory.
func TestANamespaceIsReducedToWhatCounts(t *testing.T) {
	c := newTestController(t, &script{})
	watchNamespaces(t, c, namespace("shop", map[string]string{"tier": "gold"}, map[string]string{
		"cert-manager.io/issuer": "corp", "cert-manager.io/issuer-knd": "Issuer", "cert-manager.io/duration": "1h", "example.com/x": "y",
	}))
	got, known := c.namespaces.of("shop")
	if !known || got.Labels["tier"] != "gold" || len(got.Annotations) != 2 || got.Annotations["cert-manager.io/issuer"] != "corp" {
		t.Errorf("known %v: %+v", known, got)
	}
	if _, known := c.namespaces.of("other"); known {
		t.Error("a namespace that isn't there is known")
	}
	c.namespaces.need(t.Context(), false)
	if _, known := c.namespaces.of("shop"); known {
		t.Error("it is known when nothing needs it")
	}
}

// A change of a Namespace wakes the sources that go by what changed, and no others.
func TestAChangeOfANamespaceWakesWhatGoesByIt(t *testing.T) {
	c := newTestController(t, &script{})
	c.config.Policy.AutoKinds = []string{"Ingress"}
	c.config.Policy.NamespaceDefaults = true
	byName, byNamespace := ingress(issuer, "a"), ingress(auto, "b")
	byNamespace.SetName("auto")
	for _, object := range []key{see(t, c, byName), see(t, c, byNamespace)} {
		c.reconcile(t.Context(), object)
	}
	queued(c)
	for _, row := range []struct {
		namespace string
		what      namespaceChange
		want      []string
	}{
		{"shop", namespaceChange{labels: true}, nil},
		{"other", namespaceChange{annotations: true}, nil},
		{"shop", namespaceChange{annotations: true}, []string{"auto"}},
		{"", allOfNamespace, []string{"auto"}},
	} {
		c.namespaceChanged(row.namespace, row.what)
		if got := queued(c); !slices.Equal(got, row.want) {
			t.Errorf("%q, %+v: %v", row.namespace, row.what, got)
		}
	}
	c.policy.Load().Rules = []certshim.Rule{{Name: "gold", Selector: labels.Everything()}}
	c.reconcile(t.Context(), key{kind: ingressKind(t), namespace: "shop", name: "web"})
	c.namespaceChanged("shop", namespaceChange{labels: true})
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("by a policy that goes by labels: %v", got)
	}
}

// A change that doesn't count is none.
func TestOnlyChangesThatCountAreTold(t *testing.T) {
	var told []namespaceChange
	n := &namespaces{keeps: func(key string) bool { return key == "a" }, changed: func(_ string, what namespaceChange) { told = append(told, what) }}
	compare := func(old, now *metav1.PartialObjectMetadata) {
		before, _ := n.reduce(old)
		after, _ := n.reduce(now)
		n.compare(before.(metav1.Object), after.(metav1.Object))
	}
	one := map[string]string{"a": "1"}
	compare(namespace("shop", one, one), namespace("shop", one, map[string]string{"a": "1", "b": "2"}))
	compare(namespace("shop", one, one), namespace("shop", nil, one))
	compare(namespace("shop", one, one), namespace("shop", one, map[string]string{"a": "2"}))
	if want := []namespaceChange{{labels: true}, {annotations: true}}; !slices.Equal(told, want) {
		t.Errorf("told %+v", told)
	}
}

// Where Namespaces may not be read, the metric says so until they can be.
func TestNamespacesThatMayNotBeReadShowInAMetric(t *testing.T) {
	c := newTestController(t, &script{})
	watchNamespaces(t, c)
	value := func() float64 {
		return testutil.ToFloat64(c.namespaces.metrics.forbidden.WithLabelValues("namespaces"))
	}
	c.namespaces.trouble(t.Context(), nil, apierrors.NewTimeoutError("x", 1))
	if value() != 0 {
		t.Error("a timeout is no refusal")
	}
	c.namespaces.trouble(t.Context(), nil, apierrors.NewForbidden(namespacesResource.GroupResource(), "", nil))
	if value() != 1 {
		t.Error("it doesn't show")
	}
	c.namespaces.readable()
	if value() != 0 {
		t.Error("it still shows")
	}
}

// A decision that saw the Namespace as it was, and hasn't noted yet that it goes by it, is
// waited for.
func TestAChangeOfANamespaceMissesNoDecisionInTheMaking(t *testing.T) {
	c := newTestController(t, &script{})
	k := key{kind: ingressKind(t), namespace: "shop", name: "web"}
	c.memory.lock.RLock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.namespaceChanged("shop", allOfNamespace)
	}()
	for range 1000 {
		runtime.Gosched()
	}
	c.waiting.set(k, certshim.Outcome{OnAnnotations: true})
	c.memory.lock.RUnlock()
	<-done
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("queued are %v", got)
	}
}

// The objects in a new namespace may be seen before it is.
func TestWhatGoesByANewNamespaceWaitsForIt(t *testing.T) {
	c := newTestController(t, &script{})
	c.config.Policy.AutoKinds = []string{"Ingress"}
	c.config.Policy.NamespaceDefaults = true
	client := watchNamespaces(t, c)
	k := see(t, c, ingress(map[string]any{"kubernetes.io/tls-acme": "true", "cert-manager.io/duration": "no"}, "tls"))
	c.reconcile(t.Context(), k)
	if n := len(c.recorder.warnings); n > 0 {
		t.Errorf("%d Events before it is known", n)
	}
	queued(c)
	if err := client.Tracker().Add(namespace("shop", nil, nil)); err != nil {
		t.Fatal(err)
	}
	if again, _ := c.queue.Get(); again != k {
		t.Errorf("once it is known, queued is %v", again)
	}
	c.reconcile(t.Context(), k)
	if n := len(c.recorder.warnings); n == 0 {
		t.Error("what is wrong is told to nobody")
	}
}

// Before it is known what Namespaces say, nothing is decided by them, and so nothing is told.
func TestWhatGoesByNamespacesWaitsUntilTheyAreKnown(t *testing.T) {
	c := newTestController(t, &script{})
	c.config.Policy.AutoKinds = []string{"Ingress"}
	c.config.Policy.NamespaceDefaults = true
	c.namespaces = &namespaces{changed: c.namespaceChanged, metrics: c.metrics, log: c.log}
	k := see(t, c, ingress(map[string]any{"kubernetes.io/tls-acme": "true", "cert-manager.io/duration": "no"}, "tls"))
	c.reconcile(t.Context(), k)
	if n := len(c.recorder.warnings); n > 0 {
		t.Errorf("%d Events before they are known", n)
	}
	queued(c)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	c.namespaces.answer(stopped, nil)
	if got := queued(c); len(got) > 0 || c.namespaces.answered.Load() {
		t.Errorf("a watch that has ended answers for %v", got)
	}
	c.namespaces.trouble(t.Context(), nil, apierrors.NewForbidden(namespacesResource.GroupResource(), "", nil))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("once they can't be known, queued are %v", got)
	}
	c.reconcile(t.Context(), k)
	if n := len(c.recorder.warnings); n == 0 {
		t.Error("what is wrong is told to nobody")
	}
	c.namespaces.answer(t.Context(), nil)
	if got := queued(c); len(got) > 0 {
		t.Errorf("the same again queues %v", got)
	}
}
