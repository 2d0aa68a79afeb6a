package inventory

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

func TestPackedRouteIsTheSameAgain(t *testing.T) {
	want := routes.Route{
		Kind: routes.GRPCRoute, Namespace: "shop", Name: "web", Created: time.Unix(7, 0).UTC(), Hostnames: []string{"a.example.com", "*.example.com"},
		Parents: []routes.Parent{
			{Kind: source.GroupKind(gatewayKind), Namespace: "infra", Name: "edge", Section: "https", Port: 443, Refused: true},
			{Kind: source.GroupKind{Kind: "Service"}, Namespace: "shop", Name: "web"},
		},
	}
	for _, route := range []routes.Route{want, {Kind: routes.HTTPRoute, Namespace: "shop", Name: "least"}} {
		if diff := cmp.Diff(route, packRoute(&unstructured.Unstructured{Object: map[string]any{}}, route).unpack()); diff != "" {
			t.Error("(-packed +unpacked)", diff)
		}
	}
}

// routed is an inventory with Gateways g0, g1 …, each with a listener for *.gN.example.com that admits all
// routes, all of which have been decided about.
func routed(t testing.TB, gateways int) *Inventory {
	t.Helper()
	w := newWorld(t, nil)
	w.policy.Routes = &certshim.RouteNames{
		Kinds: []string{routes.HTTPRoute}, Suffixes: map[string][]string{"shop": {"example.com"}}, Limits: routes.Limits{Certificate: 100, Namespace: 100},
	}
	i := New(w.policy, Options{Now: time.Now})
	for _, kind := range []resolver.GroupKind{CertificateKind(), RouteKind(routes.HTTPRoute), gatewayKind, clusterKind, NamespaceKind()} {
		i.Know(kind, Whole)
	}
	i.Know(resolver.GroupKind{Group: source.GatewayGroup, Kind: source.ListenerSetKind}, Whole)
	kind, _ := w.policy.Kinds.Lookup(source.GatewayGroup, source.GatewayKind)
	for n := range gateways {
		object := w.object("gateway.networking.k8s.io/v1", source.GatewayKind, "shop", fmt.Sprint("g", n), map[string]any{
			"spec": map[string]any{"listeners": []any{map[string]any{
				"name": "https", "port": int64(443), "protocol": "HTTPS", "hostname": fmt.Sprintf("*.g%d.example.com", n),
				"tls": map[string]any{"certificateRefs": []any{map[string]any{"name": fmt.Sprint("s", n)}}}, "allowedRoutes": map[string]any{"namespaces": map[string]any{"from": "All"}},
			}}},
		})
		object.SetAnnotations(map[string]string{"cert-manager.io/cluster-issuer": "ca", "certshim.io/route-names": "true"})
		put(t, i.Sources(kind), object)
		look := i.Look(NewKey(source.GroupKind(gatewayKind), "shop", fmt.Sprint("g", n)))
		look.Keep(decide(look), look.claim)
		look.Close()
	}
	return i
}

func routeTo(n int, gateway int, hostname string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"parentRefs": []any{map[string]any{"name": fmt.Sprint("g", gateway)}}, "hostnames": []any{hostname}},
	}}
	object.SetNamespace("shop")
	object.SetName(fmt.Sprint("route-", n))
	object.SetUID(types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", n)))
	object.SetResourceVersion(fmt.Sprint(1000 + n))
	object.SetGeneration(1)
	return object
}

func wokenNames(w Wake) []string {
	var all []string
	for _, k := range woken(w) {
		all = append(all, k.Name())
	}
	slices.Sort(all)
	return all
}

// A change of a route wakes those to which it brings something else, and nobody else.
func TestARouteWakesThoseWhoseNamesChange(t *testing.T) {
	i := routed(t, 3)
	intake := i.Routes(routes.HTTPRoute)
	with := func(change func(*unstructured.Unstructured)) *unstructured.Unstructured {
		object := routeTo(0, 0, "a.g0.example.com")
		change(object)
		return object
	}
	status := func(generation int64) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			u.Object["status"] = map[string]any{"parents": []any{map[string]any{"parentRef": map[string]any{"name": "g0"}, "conditions": []any{
				map[string]any{"type": "Accepted", "status": "False", "observedGeneration": generation},
			}}}}
		}
	}
	for _, step := range []struct {
		name   string
		object *unstructured.Unstructured
		wakes  []string
	}{
		{"it comes", with(func(*unstructured.Unstructured) {}), []string{"g0"}},
		{"another version", with(func(u *unstructured.Unstructured) { u.SetResourceVersion("9") }), nil},
		{"another generation", with(func(u *unstructured.Unstructured) { u.SetGeneration(2) }), nil},
		{"a status of another generation", with(status(7)), nil},
		{"a refusal while the Secret is missing", with(status(1)), nil},
		{"a hostname that the listener hasn't", with(func(u *unstructured.Unstructured) { addHostname(u, "b.g1.example.com") }), nil},
		{"another hostname", with(func(u *unstructured.Unstructured) { addHostname(u, "b.g0.example.com") }), []string{"g0"}},
		{"the section", with(func(u *unstructured.Unstructured) { addHostname(u, "b.g0.example.com"); section(u, "https") }), nil},
		{"another section", with(func(u *unstructured.Unstructured) { addHostname(u, "b.g0.example.com"); section(u, "http") }), []string{"g0"}},
		{"another Gateway", routeTo(0, 1, "a.g1.example.com"), []string{"g1"}},
		{"a Gateway that isn't there", routeTo(0, 7, "a.g1.example.com"), []string{"g1"}},
		{"it belongs to a solver", with(func(u *unstructured.Unstructured) {
			u.SetLabels(map[string]string{"acme.cert-manager.io/http01-solver": "true"})
		}), nil},
		{"it is back", with(func(*unstructured.Unstructured) {}), []string{"g0"}},
	} {
		if got := wokenNames(put(t, intake, step.object)); !slices.Equal(got, step.wakes) {
			t.Errorf("%s: wakes %q, want %q", step.name, got, step.wakes)
		}
	}
	if got := wokenNames(intake.Clear()); !slices.Equal(got, []string{"g0"}) || len(i.routes) > 0 {
		t.Errorf("all go: wakes %q, and %d remain", got, len(i.routes))
	}
}

func addHostname(u *unstructured.Unstructured, hostname string) {
	spec := u.Object["spec"].(map[string]any)
	spec["hostnames"] = append(spec["hostnames"].([]any), hostname)
}

func section(u *unstructured.Unstructured, name string) {
	u.Object["spec"].(map[string]any)["parentRefs"].([]any)[0].(map[string]any)["sectionName"] = name
}

// What is kept of a route, with its places in the indexes. The store of the informer has another 100 bytes or so for
// its key.
func TestSizeOfARoute(t *testing.T) {
	const count, most = 5000, 400
	i := routed(t, 1)
	intake := i.Routes(routes.HTTPRoute)
	before := heap()
	for n := range count {
		put(t, intake, routeTo(n, 0, fmt.Sprintf("shop-%d.g0.example.com", n)))
	}
	size := (heap() - before) / count
	runtime.KeepAlive(i)
	t.Logf("%d bytes a route", size)
	if size > most {
		t.Errorf("a route takes %d bytes, want at most %d", size, most)
	}
}

// A change of one route of 5,000 on a Gateway, with the decision, and of one of 40,000 over 2,500.
func BenchmarkRouteChanges(b *testing.B) {
	for _, scene := range []struct{ gateways, routes int }{{1, 5000}, {2500, 40000}} {
		b.Run(fmt.Sprintf("%d on %d", scene.routes, scene.gateways), func(b *testing.B) {
			i := routed(b, scene.gateways)
			intake := i.Routes(routes.HTTPRoute)
			for n := range scene.routes {
				put(b, intake, routeTo(n, n%scene.gateways, fmt.Sprintf("shop-%d.g%d.example.com", n, n%scene.gateways)))
			}
			key := NewKey(source.GroupKind(gatewayKind), "shop", "g0")
			for n := 0; b.Loop(); n++ {
				if got := wokenNames(put(b, intake, routeTo(0, 0, fmt.Sprintf("other-%d.g0.example.com", n)))); !slices.Equal(got, []string{"g0"}) {
					b.Fatalf("it wakes %q", got)
				}
				look := i.Look(key)
				outcome := decide(look)
				look.Keep(outcome, look.claim)
				look.Close()
				if len(outcome.Certificates) != 1 || outcome.Certificates[0].Action == certificate.Refuse {
					b.Fatal(told(outcome))
				}
			}
		})
	}
}

// ListenerSets of the experimental group are parents, too; Services aren't ours.
func TestParentsOfARoute(t *testing.T) {
	var route routes.Route
	for _, kind := range []source.GroupKind{
		source.GroupKind(gatewayKind), {Group: "gateway.networking.x-k8s.io", Kind: "XListenerSet"}, {Kind: "Service"}, source.GroupKind(gatewayKind),
	} {
		route.Parents = append(route.Parents, routes.Parent{Kind: kind, Namespace: "shop", Name: "edge"})
	}
	if got := parentsOf(route); len(got) != 2 || got[1].kind.Kind != "XListenerSet" {
		t.Errorf("parents are %v", got)
	}
}
