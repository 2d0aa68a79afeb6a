package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

var (
	issuerKind        = resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}
	clusterIssuerKind = resolver.GroupKind{Group: "cert-manager.io", Kind: "ClusterIssuer"}
)

// issuerNamed is an Issuer as the API server sends it.
func issuerNamed(name, ready string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer",
		"metadata": map[string]any{"namespace": "shop", "name": name, "uid": "i-" + name, "resourceVersion": "7", "generation": int64(1)},
		"spec":     map[string]any{"ca": map[string]any{"secretName": "ca"}},
		"status": map[string]any{"conditions": []any{map[string]any{
			"type": "Ready", "status": ready, "reason": "Because", "observedGeneration": int64(1),
		}}},
	}}
}

// issuersOf is how a controller keeps the issuers of a kind.
func issuersOf(t *testing.T, c *Controller, kind resolver.GroupKind) watched {
	t.Helper()
	known, found := c.policy.Load().Registry.Known(kind)
	if !found {
		t.Fatalf("%v isn't known", kind)
	}
	return c.watchedIssuers(kind, known, schema.GroupVersionResource{}, known.Scope)
}

// seeIssuer puts an issuer into memory by the way that an informer would.
func seeIssuer(t *testing.T, w watched, object *unstructured.Unstructured) {
	t.Helper()
	item, err := w.transform(object)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.transform(item); err != nil || again != item {
		t.Fatalf("the transform is not idempotent: %v, %v", again, err)
	}
	w.handler.OnUpdate(item, item)
}

// queued empties the queue and gives the names of what was in it.
func queued(c *Controller) []string {
	var names []string
	for c.queue.Len() > 0 {
		k, _ := c.queue.Get()
		c.queue.Done(k)
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// serving makes a controller believe that the cluster serves cert-manager's kinds.
func serving(c *Controller, whole bool) {
	served := served{
		resources: map[schema.GroupVersionResource]bool{certificates: true},
		scopes:    map[resolver.GroupKind]resolver.Scope{issuerKind: resolver.Namespaced, clusterIssuerKind: resolver.Cluster},
	}
	c.discoverer.facts.Store(&clusterFacts{served: served})
	c.whole.Store(&map[resolver.GroupKind]bool{issuerKind: whole, clusterIssuerKind: whole})
}

func TestAReadinessFlipQueuesOnlyThoseThatWait(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	w := issuersOf(t, c, issuerKind)
	seeIssuer(t, w, issuerNamed("ca", "False"))
	waits := see(t, c, ingress(issuer, "tls"))
	for i := range 100 {
		k := key{kind: waits.kind, namespace: "shop", name: fmt.Sprint("other-", i)}
		c.waiting.set(k, certshim.Outcome{})
	}
	queued(c)
	c.reconcile(t.Context(), waits)
	if e := <-c.recorder.warnings; e.Reason != string(problem.IssuerNotReady) {
		t.Errorf("the Event is %s: %s", e.Reason, e.Note)
	}
	seeIssuer(t, w, issuerNamed("ca", "True"))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("queued are %v", got)
	}
	writer := &script{}
	c.writer = writer
	c.waiting.set(waits, certshim.Outcome{})
	for _, ready := range []string{"False", "True", "False"} {
		seeIssuer(t, w, issuerNamed("ca", ready))
	}
	if got := queued(c); len(got) > 0 || len(writer.requests) > 0 {
		t.Errorf("nobody waits, and queued are %v", got)
	}
}

func TestAnIssuerThatAppearsWakesWhoWaitsForIt(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	k := see(t, c, ingress(issuer, "tls"))
	queued(c)
	c.reconcile(t.Context(), k)
	if e := <-c.recorder.warnings; e.Reason != string(problem.IssuerNotFound) {
		t.Errorf("the Event is %s: %s", e.Reason, e.Note)
	}
	w := issuersOf(t, c, issuerKind)
	seeIssuer(t, w, issuerNamed("other", "True"))
	if got := queued(c); len(got) > 0 {
		t.Errorf("another one wakes %v", got)
	}
	seeIssuer(t, w, issuerNamed("ca", "True"))
	if got := queued(c); !slices.Equal(got, []string{"web"}) {
		t.Errorf("queued are %v", got)
	}
	c.reconcile(t.Context(), k)
	if len(c.waiting.sources) > 0 || len(c.waiting.issuers) > 0 {
		t.Errorf("it still waits: %+v", c.waiting.sources)
	}
}

func TestAnIssuerIsMissingOnlyByProof(t *testing.T) {
	stepKind := resolver.GroupKind{Group: "certmanager.step.sm", Kind: "StepIssuer"}
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	c := newTestController(t, &script{})
	if c.policy.Load().Registry, err = resolver.NewRegistry(resolver.Defaults{}, shipped); err != nil {
		t.Fatal(err)
	}
	ca := resolver.IssuerKey{GroupKind: issuerKind, Namespace: "shop", Name: "ca"}
	step := resolver.IssuerKey{GroupKind: stepKind, Namespace: "shop", Name: "ca"}
	existence := func(key resolver.IssuerKey) (resolver.Existence, resolver.Fault) {
		finding, _ := c.view(nil).Issuers().Find(key)
		return finding.Existence, finding.Fault
	}
	if e, _ := existence(ca); e != resolver.MayExist {
		t.Errorf("before anything is known: %q", e)
	}
	serving(c, false)
	if e, _ := existence(ca); e != resolver.MayExist {
		t.Errorf("while its kind can't be read: %q", e)
	}
	if e, fault := existence(step); e != resolver.Missing || fault != resolver.NotServed {
		t.Errorf("a kind that isn't served: %q, %q", e, fault)
	}
	facts := *c.discoverer.facts.Load()
	facts.served.unknown = map[schema.GroupVersion]error{{Group: "certmanager.step.sm", Version: "v1beta1"}: nil}
	c.discoverer.facts.Store(&facts)
	if e, _ := existence(step); e != resolver.MayExist {
		t.Errorf("a group that could not be asked: %q", e)
	}
	serving(c, true)
	if e, fault := existence(ca); e != resolver.Missing || fault != resolver.NoFault {
		t.Errorf("all are known: %q, %q", e, fault)
	}
	w := issuersOf(t, c, issuerKind)
	seeIssuer(t, w, issuerNamed("ca", "True"))
	finding, _ := c.view(nil).Issuers().Find(ca)
	if finding.Existence != resolver.Exists || finding.Ready != resolver.Ready || finding.By != "catalogue/cert-manager" {
		t.Errorf("one that is there: %+v", finding)
	}
	if names := c.view(nil).Issuers().Names(issuerKind, "shop"); !slices.Equal(names, []string{"ca"}) {
		t.Errorf("names are %v", names)
	}
	gone, err := w.transform(issuerNamed("ca", "True"))
	if err != nil {
		t.Fatal(err)
	}
	w.handler.OnDelete(gone)
	if e, _ := existence(ca); e != resolver.Missing {
		t.Errorf("one that is gone: %q", e)
	}
}

func TestAKindThatGoesForgetsItsIssuersAndWakesWhoWaits(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	c.watcher = c.newWatcher()
	w := issuersOf(t, c, issuerKind)
	seeIssuer(t, w, issuerNamed("ca", "False"))
	k := see(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	queued(c)
	w.forget()
	if got := queued(c); !slices.Equal(got, []string{"web"}) || len(c.memory.issuers) > 0 {
		t.Errorf("queued are %v, and known %v", got, c.memory.issuers)
	}
}

func TestTheFirstServedVersionIsWatched(t *testing.T) {
	kind := resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
	known := resolver.Known{
		GroupKind: kind, KindEntry: resolver.KindEntry{Kind: kind.Kind, Resource: "corpissuers"},
		Entry: &resolver.Entry{Versions: []string{"v2", "v1"}},
	}
	serve := func(versions ...string) served {
		s := readDiscovery(nil, nil)
		for _, version := range versions {
			s.add(schema.GroupVersion{Group: kind.Group, Version: version}, metav1.APIResource{Name: "corpissuers", Kind: kind.Kind, Namespaced: true})
		}
		return s
	}
	for name, row := range map[string]struct {
		served served
		want   string
		noted  bool
	}{
		"none":                    {serve(), "", false},
		"the older":               {serve("v1"), "v1", false},
		"the newer":               {serve("v2"), "v2", false},
		"both":                    {serve("v1", "v2"), "v2", false},
		"others: the preferred":   {serve("v4", "v3"), "v4", true},
		"a listed one and others": {serve("v4", "v1"), "v1", false},
	} {
		got, note, found := row.served.issuersOf(known)
		if (note != "") != row.noted || found != (row.want != "") || got.Version != row.want {
			t.Errorf("%s: %v, noted %q, found %v", name, got, note, found)
		}
	}
	if got := (watched{clusterScoped: true}).in([]string{"a", "b"}); !slices.Equal(got, []string{""}) {
		t.Errorf("cluster-scoped issuers are watched in %v", got)
	}
}

func TestIssuersAreCountedByKindAndState(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	c.whole.Store(&map[resolver.GroupKind]bool{issuerKind: true})
	w := issuersOf(t, c, issuerKind)
	for i, ready := range []string{"True", "True", "False", "Unknown"} {
		seeIssuer(t, w, issuerNamed(fmt.Sprint("ca-", i), ready))
	}
	seeIssuer(t, issuersOf(t, c, clusterIssuerKind), issuerNamed("of-a-kind-that-is-not-whole", "True"))
	want := `
# HELP certshim_issuers Issuers of each kind whose issuers are known, by whether they are ready.
# TYPE certshim_issuers gauge
certshim_issuers{group="cert-manager.io",kind="Issuer",state="not_ready"} 1
certshim_issuers{group="cert-manager.io",kind="Issuer",state="ready"} 2
certshim_issuers{group="cert-manager.io",kind="Issuer",state="unknown"} 1
`
	if err := testutil.CollectAndCompare(newIssuersMetric(c), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestWaitingIsKeptInStep(t *testing.T) {
	gauge := heldSources()
	w := newWaiting(gauge)
	held := func() float64 { return testutil.ToFloat64(gauge.WithLabelValues("corp-ca")) }
	a, b := key{name: "a"}, key{name: "b"}
	x, y := resolver.IssuerKey{GroupKind: issuerKind, Name: "x"}, resolver.IssuerKey{GroupKind: clusterIssuerKind, Name: "y"}
	w.set(a, certshim.Outcome{Awaits: []resolver.IssuerKey{x, y}})
	w.set(b, certshim.Outcome{Awaits: []resolver.IssuerKey{x}, AwaitsKinds: true})
	for range 2 {
		w.set(b, certshim.Outcome{Awaits: []resolver.IssuerKey{x}, AwaitsKinds: true, HeldBy: "plugin/corp-ca"})
		if n := held(); n != 1 {
			t.Errorf("%v sources are held", n)
		}
	}
	if got := w.forIssuer(x); len(got) != 2 {
		t.Errorf("for x: %v", got)
	}
	if got := w.forIssuersOf(clusterIssuerKind); !slices.Equal(got, []key{a}) {
		t.Errorf("for ClusterIssuers: %v", got)
	}
	if got := w.forKinds(); !slices.Equal(got, []key{b}) {
		t.Errorf("for kinds: %v", got)
	}
	w.set(a, certshim.Outcome{Awaits: []resolver.IssuerKey{y}})
	if got := w.forIssuer(x); !slices.Equal(got, []key{b}) {
		t.Errorf("for x, later: %v", got)
	}
	w.set(a, certshim.Outcome{})
	w.set(b, certshim.Outcome{})
	if len(w.issuers)+len(w.sources)+len(w.kinds)+len(w.heldBy) > 0 || held() != 0 {
		t.Errorf("something is left: %+v, and %v are held", w, held())
	}
}

// plugin speaks for one kind.
type plugin struct {
	noPlugins
	finding resolver.Finding
}

func (p plugin) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	return p.finding, key.GroupKind == issuerKind
}

func TestAPluginSpeaksAloneButForExistence(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	c.config.Plugins = plugin{finding: resolver.Finding{By: "plugin/corp", State: resolver.Fresh, Statement: resolver.Statement{Existence: resolver.Missing, Ready: resolver.NotReady}}}
	seeIssuer(t, issuersOf(t, c, issuerKind), issuerNamed("ca", "True"))
	finding, _ := c.view(nil).Issuers().Find(resolver.IssuerKey{GroupKind: issuerKind, Namespace: "shop", Name: "ca"})
	if finding.By != "plugin/corp" || finding.Ready != resolver.NotReady || finding.Existence != resolver.Exists {
		t.Errorf("got %+v", finding)
	}
	other, _ := c.view(nil).Issuers().Find(resolver.IssuerKey{GroupKind: clusterIssuerKind, Name: "ca"})
	if other.By != "catalogue/cert-manager" {
		t.Errorf("got %+v", other)
	}
}

// oneIssuer is what a decision sees where there is one issuer, a ready one.
func oneIssuer(tb testing.TB) (issuersView, resolver.IssuerKey) {
	tb.Helper()
	registry, err := resolver.NewRegistry(resolver.Defaults{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	m := newMemory()
	key := resolver.IssuerKey{GroupKind: clusterIssuerKind, Name: "letsencrypt"}
	m.putIssuer(key, resolver.Seen{Ready: resolver.Ready, Variant: 1})
	return issuersView{memory: m, cluster: &clusterFacts{}, registry: registry, plugins: noPlugins{}}, key
}

func TestFindingAnIssuerAllocatesNothing(t *testing.T) {
	v, key := oneIssuer(t)
	if n := testing.AllocsPerRun(100, func() { v.Find(key) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkFindAnIssuer(b *testing.B) {
	v, key := oneIssuer(b)
	b.ReportAllocs()
	for b.Loop() {
		if finding, _ := v.Find(key); finding.Ready != resolver.Ready {
			b.Fatal("not ready")
		}
	}
}
