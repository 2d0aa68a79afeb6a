package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

var (
	strangeKind = resolver.GroupKind{Group: "pki.strange.example", Kind: "StrangeIssuer"}
	strange     = map[string]any{
		"cert-manager.io/issuer": "corp", "cert-manager.io/issuer-kind": strangeKind.Kind, "cert-manager.io/issuer-group": strangeKind.Group,
	}
)

// strangeLists are of a cluster that serves a kind of issuer that nobody declares, and others
// of which no source speaks.
func strangeLists() []*metav1.APIResourceList {
	return []*metav1.APIResourceList{
		listOf("cert-manager.io/v1", metav1.APIResource{Name: "certificates", Kind: "Certificate", Namespaced: true}),
		listOf(strangeKind.Group+"/v1",
			metav1.APIResource{Name: "strangeissuers", Kind: strangeKind.Kind, Namespaced: true},
			metav1.APIResource{Name: "accounts", Kind: "Account", Namespaced: true}),
		listOf("apps/v1", metav1.APIResource{Name: "deployments", Kind: "Deployment", Namespaced: true}),
	}
}

// watchedKinds are the kinds that nobody declares and that are to be watched.
func watchedKinds(c *Controller, s inventory.Served, needs inventory.Needs, now time.Time) []resolver.GroupKind {
	c.undeclared = stillUsed(c.undeclared, needs, c.policy().Registry, now)
	var kinds []resolver.GroupKind
	for _, w := range c.undeclaredIssuers(s) {
		kinds = append(kinds, w.Kind)
	}
	return kinds
}

// needing is that sources of namespace shop ask for issuers of these kinds.
func needing(kinds ...resolver.GroupKind) inventory.Needs {
	return needingIn(map[string][]resolver.GroupKind{"shop": kinds})
}

// needingIn is that sources of these namespaces ask for issuers of these kinds.
func needingIn(namespaces map[string][]resolver.GroupKind) inventory.Needs {
	needs := inventory.Needs{IssuerKinds: map[resolver.GroupKind]bool{}, Undeclared: map[resolver.GroupKind]map[string]bool{}}
	for namespace, kinds := range namespaces {
		for _, kind := range kinds {
			needs.IssuerKinds[kind] = true
			if needs.Undeclared[kind] == nil {
				needs.Undeclared[kind] = map[string]bool{}
			}
			needs.Undeclared[kind][namespace] = true
		}
	}
	return needs
}

func TestAKindThatNobodyDeclaresIsWatchedWhileItIsNamed(t *testing.T) {
	c := newTestController(t, &script{})
	s := serve(c, strangeLists()...)
	watched := func(now time.Time) []resolver.GroupKind { return watchedKinds(c, s, c.inventory.Needs(), now) }
	if got := watched(time.Now()); len(got) > 0 {
		t.Errorf("watched before any source names one: %v", got)
	}
	k := see(t, c, ingress(strange, "tls"))
	c.reconcile(t.Context(), k)
	select {
	case <-c.look:
	default:
		t.Error("nobody looks for what is to be watched")
	}
	if got := watched(time.Now()); !slices.Equal(got, []resolver.GroupKind{strangeKind}) {
		t.Errorf("watched are %v", got)
	}
	if !c.kinds()[strangeKind] {
		t.Error("how much is known of it is noted by nobody")
	}
	goes(t, c, ingress(strange, "tls"))
	c.reconcile(t.Context(), k)
	if got := watched(time.Now()); len(got) != 1 {
		t.Errorf("no longer watched as soon as its source is gone: %v", got)
	}
	if got := watched(time.Now().Add(keepUnused)); len(got) > 0 {
		t.Errorf("watched long after its last source: %v", got)
	}
}

// A file may declare a kind that was in use before: it is watched as declared from then on.
func TestAKindThatIsDeclaredLater(t *testing.T) {
	c := newTestController(t, &script{})
	s := serve(c, strangeLists()...)
	watchedKinds(c, s, needing(strangeKind), time.Now())
	registry, err := resolver.NewRegistry(resolver.Defaults{}, []resolver.IssuerType{{
		ID: "strange", Group: strangeKind.Group, Versions: []string{"v1"}, Level: resolver.LevelOperator,
		Kinds: []resolver.DeclaredKind{{Kind: strangeKind.Kind, Resource: "strangeissuers", Scope: resolver.Namespaced}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	policy := *c.policy()
	policy.Registry = registry
	c.usePolicy(&policy)
	watchedKinds(c, s, needing(strangeKind), time.Now())
	var made []string
	for _, w := range c.desired(s, inventory.Needs{}) {
		if w.Kind == strangeKind {
			made = append(made, w.Key.(*resolver.IssuerType).ID)
		}
	}
	if !slices.Equal(made, []string{"strange"}) {
		t.Errorf("it is watched as %v", made)
	}
}

func TestOnlyCustomKindsAreWatchedUndeclared(t *testing.T) {
	c := newTestController(t, &script{})
	account := resolver.GroupKind{Group: strangeKind.Group, Kind: "Account"}
	needs := needing(resolver.GroupKind{Group: "apps", Kind: "Deployment"}, strangeKind, account, resolver.GroupKind{Group: "not.served", Kind: "Issuer"}, issuerKind)
	watched := func(s inventory.Served) []resolver.GroupKind {
		got := watchedKinds(c, s, needs, time.Now())
		slices.SortFunc(got, func(a, b resolver.GroupKind) int { return len(a.Kind) - len(b.Kind) })
		return got
	}
	if got := watched(serve(c, strangeLists()...)); !slices.Equal(got, []resolver.GroupKind{account, strangeKind}) {
		t.Errorf("where CRDs can't be read: %v", got)
	}
	s := inventory.ReadDiscovery(strangeLists(), nil, map[schema.GroupResource]bool{{Group: strangeKind.Group, Resource: "strangeissuers"}: true})
	if got := watched(s); !slices.Equal(got, []resolver.GroupKind{strangeKind}) {
		t.Errorf("by CRDs: %v", got)
	}
}

// manyKinds are more custom kinds than can be watched undeclared.
func manyKinds(c *Controller, more int) (inventory.Served, []resolver.GroupKind) {
	var resources []metav1.APIResource
	var kinds []resolver.GroupKind
	for i := range maxUndeclared + more {
		kinds = append(kinds, resolver.GroupKind{Group: strangeKind.Group, Kind: fmt.Sprint("Issuer", i)})
		resources = append(resources, metav1.APIResource{Name: fmt.Sprint("issuers", i), Kind: kinds[i].Kind})
	}
	return serve(c, listOf(strangeKind.Group+"/v1", resources...)), kinds
}

// The places are shared by namespace, and a kind in use keeps its own.
func TestNamespacesShareThePlacesOfUndeclaredKinds(t *testing.T) {
	c := newTestController(t, &script{})
	s, kinds := manyKinds(c, 5)
	now := time.Now()
	many, few := kinds[:maxUndeclared+3], kinds[maxUndeclared+3:]
	together := map[string][]resolver.GroupKind{"many": many, "few": few}
	first := watchedKinds(c, s, needingIn(together), now)
	if len(first) != maxUndeclared || !slices.Contains(first, few[0]) || !slices.Contains(first, few[1]) {
		t.Errorf("with a namespace that names very many: %v", first)
	}
	watchedKinds(c, s, needingIn(nil), now.Add(keepUnused))
	alone := watchedKinds(c, s, needingIn(map[string][]resolver.GroupKind{"many": many}), now)
	if late := watchedKinds(c, s, needingIn(together), now); !slices.Equal(late, alone) {
		t.Errorf("one in use is thrown out: %v, then %v", alone, late)
	}
	// Two that are no longer in use make room before their time is over.
	together["many"] = slices.DeleteFunc(slices.Clone(many), func(k resolver.GroupKind) bool { return k == alone[3] || k == alone[7] })
	if got := watchedKinds(c, s, needingIn(together), now); !slices.Contains(got, few[0]) || len(got) != maxUndeclared || slices.Contains(got, alone[3]) {
		t.Errorf("with room: %v", got)
	}
}

// However many kinds sources name, those that were named first are watched, and few others.
func TestUndeclaredKindsAreBounded(t *testing.T) {
	c := newTestController(t, &script{})
	s, kinds := manyKinds(c, 5)
	watchedKinds(c, s, needing(kinds[0]), time.Now())
	first := watchedKinds(c, s, needing(kinds...), time.Now())
	if len(first) != maxUndeclared || first[0] != kinds[0] {
		t.Errorf("%d are watched, first %v", len(first), first[0])
	}
	if again := watchedKinds(c, s, needing(kinds...), time.Now()); !slices.Equal(again, first) {
		t.Errorf("then others are watched: %v", again)
	}
}

// Namespaces are read while a policy or a decision goes by them, and else not.
func TestNamespacesAreWatchedWhileSomebodyGoesByThem(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*certshim.Policy)
		needed bool
		want   bool
	}{
		"nobody":     {func(*certshim.Policy) {}, false, false},
		"a policy":   {func(p *certshim.Policy) { p.NamespaceDefaults = true }, false, true},
		"a decision": {func(*certshim.Policy) {}, true, true},
	} {
		c := newTestController(t, &script{}, func(config *Config) { row.change(config.Policy) })
		s := serve(c, strangeLists()...)
		watched := false
		for _, w := range c.desired(s, inventory.Needs{Namespaces: row.needed}) {
			watched = watched || w.GVR == namespacesResource() && w.ClusterScoped && w.Advisory
		}
		if watched != row.want {
			t.Errorf("%s goes by them: watched %v", name, watched)
		}
	}
}

// Routes are watched only while they are needed, those of the kinds that may bring names; and that a kind isn't served, as
// when its CRD is deleted, doesn't mean that there are no such routes.
func TestRoutesAreWatchedWhileTheyAreNeeded(t *testing.T) {
	c := newTestController(t, &script{})
	connectTo(t, c)
	s := serve(c, listOf("gateway.networking.k8s.io/v1", metav1.APIResource{Name: "httproutes", Kind: routes.HTTPRoute, Namespaced: true, Verbs: metav1.Verbs{"list", "watch"}}))
	policy := *c.policy()
	policy.Routes = &certshim.RouteNames{Kinds: []string{routes.HTTPRoute, routes.GRPCRoute}}
	c.usePolicy(&policy)
	for _, needed := range []bool{false, true} {
		var watched []string
		for _, w := range c.desired(s, inventory.Needs{Routes: needed}) {
			if inventory.IsRouteKind(w.Kind) {
				watched = append(watched, w.GVR.Resource)
			}
		}
		if want := []string{"httproutes"}; needed && !slices.Equal(watched, want) || !needed && len(watched) > 0 {
			t.Errorf("needed %v: watched are %q", needed, watched)
		}
	}
	c.inventory.Know(inventory.CertificateKind(), inventory.Whole)
	see(t, c, gatewayWithRouteNames())
	for _, k := range c.inventory.Keys() {
		look := c.inventory.Look(k)
		c.decide(look)
		look.Close()
	}
	if c.know(); c.inventory.KnowledgeOf(inventory.RouteKind(routes.GRPCRoute)) != inventory.Unreadable {
		t.Errorf("of a kind that isn't served: %v", c.inventory.KnowledgeOf(inventory.RouteKind(routes.GRPCRoute)))
	}
}

func gatewayWithRouteNames() *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"listeners": []any{map[string]any{
		"name": "https", "port": int64(443), "protocol": "HTTPS", "hostname": "*.example.com", "tls": map[string]any{"certificateRefs": []any{map[string]any{"name": "tls"}}},
	}}}}}
	object.SetAPIVersion("gateway.networking.k8s.io/v1")
	object.SetKind(source.GatewayKind)
	object.SetNamespace("shop")
	object.SetName("edge")
	object.SetUID("u")
	object.SetAnnotations(map[string]string{"cert-manager.io/issuer": "ca", "certshim.io/route-names": "true"})
	return object
}
