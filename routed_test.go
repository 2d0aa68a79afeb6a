package certshim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
)

// routing is a cluster in which names of routes count, with a clock of its own.
type routing struct {
	*cluster
	now time.Time
}

var morning = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// newRouting lets the namespaces shop and blog bring names of example.com.
func newRouting(t *testing.T, change ...func(*certshim.Policy)) *routing {
	t.Helper()
	on := func(p *certshim.Policy) {
		p.Routes = &certshim.RouteNames{
			Kinds:    []string{routes.HTTPRoute},
			Suffixes: map[string][]string{"shop": {"example.com"}, "blog": {"blog.example.com"}},
			Limits:   routes.Limits{Certificate: 100, Namespace: 10},
		}
	}
	c := newCluster(t, newPolicy(t, append([]func(*certshim.Policy){on}, change...)...))
	r := &routing{cluster: c, now: morning}
	c.Inventory = inventory.New(c.Policy(), inventory.Options{Now: func() time.Time { return r.now }})
	for _, kind := range []string{"Gateway", "ListenerSet"} {
		c.Know(inventory.RouteKind(kind), inventory.Whole)
	}
	c.Know(inventory.CertificateKind(), inventory.Whole)
	c.Know(inventory.RouteKind(routes.HTTPRoute), inventory.Whole)
	c.Know(clusterIssuer("").GroupKind, inventory.Whole)
	c.issuer(clusterIssuer("ca"), "True")
	return r
}

func routedGateway(listener string, annotations ...string) string {
	return `{kind: Gateway, metadata: {name: edge, annotations: {cert-manager.io/cluster-issuer: ca, certshim.io/route-names: "true"` + strings.Join(annotations, "") + `}},
		spec: {listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: edge-tls}]}` + listener + `}]}}`
}

func routeObject(t *testing.T, namespace, name string, hostnames ...string) *unstructured.Unstructured {
	t.Helper()
	minute := map[string]string{"shop": "10", "blog": "11"}[namespace]
	o := read(t, `{kind: HTTPRoute, metadata: {namespace: `+namespace+`, name: `+name+`, creationTimestamp: "2026-01-01T10:`+minute+`:00Z"},
		spec: {parentRefs: [{namespace: shop, name: edge}], hostnames: ["`+strings.Join(hostnames, `", "`)+`"]}}`)
	return o
}

func (r *routing) route(namespace, name string, hostnames ...string) {
	r.t.Helper()
	r.take(r.Routes(routes.HTTPRoute), routeObject(r.t.(*testing.T), namespace, name, hostnames...))
}

func (r *routing) unroute(namespace, name string) {
	r.t.Helper()
	r.drop(r.Routes(routes.HTTPRoute), routeObject(r.t.(*testing.T), namespace, name, "x"))
}

// settle lets a minute go by, after which routes have settled.
func (r *routing) settle() { r.now = r.now.Add(time.Minute) }

func namesOfConfig(d certificate.Decision) string {
	spec, _ := d.Config["spec"].(map[string]any)
	var all []string
	list, _ := spec["dnsNames"].([]any)
	for _, item := range list {
		all = append(all, item.(string))
	}
	return strings.Join(all, " ")
}

// becomes decides about the Gateway, carries that out, and compares action and names.
func (r *routing) becomes(key inventory.Key, want string) certshim.Outcome {
	r.t.Helper()
	out := r.decide(key)
	d := decidedOf(r.t.(*testing.T), out, "shop", "edge-tls")
	if got := strings.TrimSpace(string(d.Action) + " " + namesOfConfig(d)); got != want {
		r.t.Errorf("the decision is %q, want %q\n%s", got, want, told(out))
	}
	r.carryOut(out)
	return out
}

func TestNamesOfRoutesComeAndGo(t *testing.T) {
	r := newRouting(t)
	edge := r.add(routedGateway(`, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}`))
	r.becomes(edge, "create *.example.com")
	r.becomes(edge, "none *.example.com")
	r.woken()
	r.route("shop", "a", "a.example.com")
	if got := r.woken(); !slices.Equal(got, []string{"edge"}) {
		t.Errorf("a route wakes %q", got)
	}
	if d := decidedOf(t, r.becomes(edge, "none *.example.com"), "shop", "edge-tls"); !d.Again.Equal(morning.Add(10 * time.Second)) {
		t.Errorf("it is looked at again at %v", d.Again)
	}
	r.settle()
	r.becomes(edge, "apply *.example.com a.example.com")
	r.becomes(edge, "none *.example.com a.example.com")
	r.route("blog", "b", "b.blog.example.com")
	r.settle()
	r.becomes(edge, "apply *.example.com a.example.com b.blog.example.com")
	r.unroute("shop", "a")
	r.settle()
	r.becomes(edge, "none *.example.com a.example.com b.blog.example.com")
	r.route("shop", "c", "c.example.com")
	r.settle()
	r.becomes(edge, "apply *.example.com b.blog.example.com c.example.com")
	// What can't be known any more keeps what is there.
	r.Know(inventory.RouteKind(routes.HTTPRoute), inventory.Unreadable)
	r.wake(r.Routes(routes.HTTPRoute).Clear())
	r.settle()
	out := r.becomes(edge, "none *.example.com b.blog.example.com c.example.com")
	if !strings.Contains(told(out), "not all routes can be read") {
		t.Errorf("it isn't told that routes can't be read: %s", told(out))
	}
}

// A name that the operator, the listener or a rule forbids costs only itself; once it is forbidden it goes.
func TestNamesOfRoutesThatAreForbidden(t *testing.T) {
	const all = `, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}`
	for name, row := range map[string]struct {
		listener string
		change   func(*certshim.Policy)
		want     string
	}{
		"allowed":                      {all, func(*certshim.Policy) {}, "create *.example.com a.example.com b.blog.example.com"},
		"a suffix":                     {all, func(p *certshim.Policy) { p.Routes.Suffixes["blog"] = []string{"log.example.com"} }, "create *.example.com a.example.com"},
		"a namespace without an entry": {all, func(p *certshim.Policy) { delete(p.Routes.Suffixes, "blog") }, "create *.example.com a.example.com"},
		"a kind":                       {all, func(p *certshim.Policy) { p.Routes.Kinds = []string{routes.GRPCRoute} }, "create *.example.com"},
		"the listener":                 {`, hostname: "*.example.com"`, func(*certshim.Policy) {}, "create *.example.com a.example.com"},
		"a rule of the route's namespace": {all, func(p *certshim.Policy) {
			p.Rules = []certshim.Rule{{Name: "blog", Namespaces: []string{"blog"}, AllowedHosts: []string{"example.org"}}}
		}, "create *.example.com a.example.com"},
		"a rule for the name": {all, func(p *certshim.Policy) {
			p.Rules = []certshim.Rule{{Name: "none", HostSuffixes: []string{"b.blog.example.com"}, AllowedHosts: []string{}}}
		}, "create *.example.com a.example.com"},
		"a rule for the name, about issuers": {all, func(p *certshim.Policy) {
			p.Rules = []certshim.Rule{{Name: "none", HostSuffixes: []string{"b.blog.example.com"}, AllowedIssuers: []resolver.Ref{{Name: "other", Kind: "ClusterIssuer", Group: "cert-manager.io"}}}}
		}, "create *.example.com a.example.com"},
		"fewer names":               {all, func(p *certshim.Policy) { p.Routes.Certificate = 2 }, "create *.example.com a.example.com"},
		"a wildcard that gives way": {all, func(p *certshim.Policy) { p.Routes.ReplaceWildcards = true }, "create a.example.com b.blog.example.com"},
		"a wildcard that gives way, beside a rule about issuers": {all, func(p *certshim.Policy) {
			p.Routes.ReplaceWildcards, p.Routes.Suffixes = true, map[string][]string{"blog": {"blog.example.com"}}
			p.Rules = []certshim.Rule{{Name: "none", HostSuffixes: []string{"b.blog.example.com"}, AllowedIssuers: []resolver.Ref{{Name: "other", Kind: "ClusterIssuer", Group: "cert-manager.io"}}}}
		}, "create *.example.com"},
		"a listener without hostname":  {`, allowedRoutes: {namespaces: {from: All}}`, func(*certshim.Policy) {}, "create a.example.com b.blog.example.com"},
		"a listener with its own name": {`, hostname: a.example.com, allowedRoutes: {namespaces: {from: All}}`, func(*certshim.Policy) {}, "create a.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouting(t, row.change)
			r.Know(inventory.RouteKind(routes.GRPCRoute), inventory.Whole)
			r.route("shop", "a", "a.example.com", "*.example.com")
			r.route("blog", "b", "b.blog.example.com")
			edge := r.add(routedGateway(row.listener))
			r.settle()
			out := r.becomes(edge, row.want)
			r.becomes(edge, strings.Replace(row.want, "create", "none", 1))
			if strings.Contains(told(out), "isn't allowed") {
				t.Error(told(out))
			}
			if name != "allowed" {
				return
			}
			// The same, once the name is in the certificate.
			for _, forbid := range []func(*certshim.Policy){
				func(p *certshim.Policy) { p.Routes.Suffixes = map[string][]string{"shop": {"example.com"}} },
				func(p *certshim.Policy) {
					p.Rules = []certshim.Rule{{Name: "shop", AllowedHosts: []string{"a.example.com", "example.org"}, HostSuffixes: []string{"blog.example.com"}}}
				},
			} {
				policy := newRouting(t, forbid).Policy()
				r.SetPolicy(policy)
				r.now = r.now.Add(time.Hour)
				if d := decidedOf(t, r.decide(edge), "shop", "edge-tls"); namesOfConfig(d) != "*.example.com a.example.com" {
					t.Errorf("once it is forbidden: %s %q", d.Action, namesOfConfig(d))
				}
			}
		})
	}
}

// The first Certificate waits until routes settle; without any name there is none.
func TestFirstCertificateWaitsForRoutes(t *testing.T) {
	r := newRouting(t)
	edge := r.add(routedGateway(``))
	if out := r.becomes(edge, "refuse"); !strings.Contains(told(out), "no route brings a name") {
		t.Error(told(out))
	}
	r.route("shop", "a", "a.example.com")
	out := r.becomes(edge, "wait")
	if d := decidedOf(t, out, "shop", "edge-tls"); d.Reason.Cause != certificate.CauseRoutesSettle || !d.Again.Equal(morning.Add(2*time.Second)) {
		t.Errorf("it waits for %v until %v", d.Reason, d.Again)
	}
	r.now = r.now.Add(2 * time.Second)
	r.becomes(edge, "create a.example.com")
	r.unroute("shop", "a")
	r.settle()
	r.becomes(edge, "none a.example.com")
}

// Until both the operator and the object want it, routes aren't even asked for.
func TestNamesOfRoutesAreOffByDefault(t *testing.T) {
	const listener = `, hostname: "*.example.com"`
	off := newRouting(t, func(p *certshim.Policy) { p.Routes = nil })
	off.route("shop", "a", "a.example.com")
	edge := off.add(routedGateway(listener))
	off.settle()
	if out := off.becomes(edge, "create *.example.com"); !strings.Contains(told(out), "gatewayAPI.routeNames") || off.Needs().Routes {
		t.Errorf("without the operator: %s", told(out))
	}
	for _, value := range []string{"", ", certshim.io/route-names: 'false'"} {
		r := newRouting(t)
		r.route("shop", "a", "a.example.com")
		text := strings.Replace(routedGateway(listener), `, certshim.io/route-names: "true"`, value, 1)
		edge = r.add(text)
		r.settle()
		r.becomes(edge, "create *.example.com")
		if r.Needs().Routes {
			t.Error("routes are read for a Gateway that doesn't ask for them")
		}
	}
	// A value that can't be read takes no name away.
	r := newRouting(t)
	r.route("shop", "a", "a.example.com")
	edge = r.add(routedGateway(listener))
	r.settle()
	r.becomes(edge, "create *.example.com a.example.com")
	edge = r.add(strings.Replace(routedGateway(listener), `route-names: "true"`, `route-names: "True"`, 1))
	if d := decidedOf(t, r.decide(edge), "shop", "edge-tls"); !d.NeedsLive {
		t.Errorf("with another spelling: %s %q", d.Action, namesOfConfig(d))
	}
}

// A Certificate that fails says which names were added last.
func TestFailingCertificateTellsNamesAddedLast(t *testing.T) {
	r := newRouting(t)
	edge := r.add(routedGateway(`, hostname: "*.example.com"`))
	r.route("shop", "a", "a.example.com")
	r.settle()
	out := r.becomes(edge, "create *.example.com a.example.com")
	object := stored(t, decidedOf(t, out, "shop", "edge-tls").Config)
	object["status"] = map[string]any{"failedIssuanceAttempts": int64(2)}
	r.woken()
	r.store(object)
	if got := r.woken(); !slices.Equal(got, []string{"edge"}) {
		t.Errorf("a failure wakes %q", got)
	}
	if out = r.decide(edge); !strings.Contains(told(out), "the names that were added last: a.example.com") {
		t.Error(told(out))
	}
}

// A name whose route is taken away since it can't be validated goes, though nothing else comes: what its Certificate waits for
// is that.
func TestLeavingNameGoesWhileTheCertificateFails(t *testing.T) {
	r := newRouting(t)
	edge := r.add(routedGateway(`, hostname: "*.example.com"`))
	r.route("shop", "a", "a.example.com")
	r.route("shop", "b", "b.example.com")
	r.settle()
	object := stored(t, decidedOf(t, r.becomes(edge, "create *.example.com a.example.com b.example.com"), "shop", "edge-tls").Config)
	object["status"] = map[string]any{"failedIssuanceAttempts": int64(1)}
	r.store(object)
	r.becomes(edge, "none *.example.com a.example.com b.example.com")
	r.store(object)
	r.unroute("shop", "b")
	r.now = r.now.Add(time.Hour)
	r.becomes(edge, "apply *.example.com a.example.com")
}

// A leaving name goes in the hour before the renewal.
func TestLeavingNameGoesBeforeRenewal(t *testing.T) {
	r := newRouting(t)
	edge := r.add(routedGateway(`, hostname: "*.example.com"`))
	r.route("shop", "a", "a.example.com")
	r.settle()
	out := r.becomes(edge, "create *.example.com a.example.com")
	object := stored(t, decidedOf(t, out, "shop", "edge-tls").Config)
	renewal := morning.Add(24 * time.Hour)
	object["status"] = map[string]any{"renewalTime": renewal.Format(time.RFC3339)}
	r.store(object)
	r.unroute("shop", "a")
	r.settle()
	if d := decidedOf(t, r.becomes(edge, "none *.example.com a.example.com"), "shop", "edge-tls"); !d.Again.Equal(renewal.Add(-time.Hour)) {
		t.Errorf("it is looked at again at %v", d.Again)
	}
	r.store(object)
	r.now = renewal.Add(-time.Hour)
	r.becomes(edge, "apply *.example.com")
}

// What routes bring is explained by name and route.
func TestNamesOfRoutesAreExplained(t *testing.T) {
	r := newRouting(t, func(p *certshim.Policy) { p.Explain = true })
	edge := r.add(routedGateway(`, hostname: "*.example.com"`))
	r.route("shop", "a", "a.example.com")
	r.settle()
	var from []string
	for _, values := range r.decide(edge).Values {
		for _, v := range values {
			if v.From == certshim.FromRoute {
				from = append(from, v.Name)
			}
		}
	}
	if !slices.Equal(from, []string{"a.example.com: HTTPRoute shop/a"}) {
		t.Errorf("explained as %q", from)
	}
}

// A rollout that makes 500 routes anew over a minute and a half changes the certificate once at most: the names of those that are
// gone for a moment stay.
func TestARolloutOfRoutesChangesTheCertificateOnceAtMost(t *testing.T) {
	const count = 500
	r := newRouting(t, func(p *certshim.Policy) {
		p.Routes.Limits = routes.Limits{Certificate: 2 * count, Namespace: 2 * count}
	})
	edge := r.add(routedGateway(`, hostname: "*.example.com"`))
	hostname := func(n int) string { return fmt.Sprintf("n%d.example.com", n) }
	for n := range count {
		r.route("shop", fmt.Sprint("r", n), hostname(n))
	}
	r.settle()
	r.carryOut(r.decide(edge))
	writes, again := 0, time.Time{}
	look := func() {
		out := r.decide(edge)
		d := decidedOf(t, out, "shop", "edge-tls")
		again = d.Again
		if d.Action == certificate.Apply {
			writes++
		}
		r.carryOut(out)
	}
	for n := range count {
		r.unroute("shop", fmt.Sprint("r", n))
		r.now = r.now.Add(90 * time.Millisecond)
		look()
		if n >= 20 {
			r.route("shop", fmt.Sprint("s", n-20), hostname(n-20))
			r.now = r.now.Add(90 * time.Millisecond)
			look()
		}
	}
	for n := count - 20; n < count; n++ {
		r.route("shop", fmt.Sprint("s", n), hostname(n))
	}
	for range 3 {
		r.settle()
		look()
	}
	d := decidedOf(t, r.decide(edge), "shop", "edge-tls")
	if writes > 1 || d.Action != certificate.None || len(strings.Fields(namesOfConfig(d))) != count+1 || !again.IsZero() {
		t.Errorf("%d writes; in the end %s with %d names, to be looked at again at %v", writes, d.Action, len(strings.Fields(namesOfConfig(d))), again)
	}
}

// A route that was edited and brings a name is an edit, and doesn't wait in the budget for new certificates. A name
// waits there that the configuration forbids now, or that it, or the labels of a Namespace, let a route bring that was there before.
func TestOnlyNamesThatEditedRoutesBringAreAnEdit(t *testing.T) {
	const listener = `, hostname: "*.example.com", allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {routes: "yes"}}}}`
	with := func(suffixes ...string) *certshim.Policy {
		return newRouting(t, func(p *certshim.Policy) { p.Routes.Suffixes["blog"] = suffixes }).Policy()
	}
	r := newRouting(t)
	r.Know(inventory.NamespaceKind(), inventory.Whole)
	label := func(value string) {
		blog := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "blog", "labels": map[string]any{"routes": value}}}}
		r.take(r.Namespaces(), blog)
		r.settle()
	}
	label("yes")
	r.SetPolicy(with())
	edge := r.put(numbered(read(t, routedGateway(listener)), "7"))
	r.take(r.Routes(routes.HTTPRoute), numbered(routeObject(t, "blog", "b", "b.blog.example.com"), "8"))
	r.settle()
	live := r.made(t, edge)
	forbids, allows := func() { r.SetPolicy(with()) }, func() { r.SetPolicy(with("blog.example.com")) }

	allows()
	r.wantPaced(t, "the configuration allows what a route brought before", edge, live, true)
	label("no")
	if d := decidedOf(t, r.decide(edge, live), "shop", "edge-tls"); d.Action != certificate.None {
		t.Errorf("not with these labels: %s %s", d.Action, namesOfConfig(d))
	}
	label("yes")
	d := r.wantPaced(t, "the labels of the Namespace allow it", edge, live, true)
	live = r.write(t, edge, d)
	forbids()
	r.now = r.now.Add(time.Hour)
	d = r.wantPaced(t, "the configuration forbids it", edge, live, true)
	live = r.write(t, edge, d)
	allows()
	r.take(r.Routes(routes.HTTPRoute), numbered(routeObject(t, "blog", "b", "c.blog.example.com"), "1001"))
	r.now = r.now.Add(time.Hour)
	r.wantPaced(t, "a route is edited", edge, live, false)
}

// A wildcard that gave way comes back as names of routes go: with the next addition or renewal, and not because routes can't be
// seen for a while, or the only one is made anew.
func TestAReplacedWildcardComesBackAsNamesGo(t *testing.T) {
	const listener = `, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}`
	replace := func(p *certshim.Policy) { p.Routes.ReplaceWildcards = true }
	started := func(t *testing.T, listener string) (*routing, inventory.Key, map[string]any) {
		r := newRouting(t, replace)
		r.route("shop", "a", "a.example.com")
		edge := r.add(routedGateway(listener))
		r.settle()
		out := r.becomes(edge, "create a.example.com")
		r.now = r.now.Add(time.Hour)
		r.becomes(edge, "none a.example.com")
		return r, edge, stored(t, decidedOf(t, out, "shop", "edge-tls").Config)
	}
	t.Run("routes can't be read", func(t *testing.T) {
		for _, known := range []inventory.Knowledge{inventory.Unread, inventory.Unreadable} {
			r, edge, _ := started(t, listener)
			r.Know(inventory.RouteKind(routes.HTTPRoute), known)
			r.wake(r.Routes(routes.HTTPRoute).Clear())
			r.settle()
			r.becomes(edge, "none a.example.com")
			r.Know(inventory.RouteKind(routes.HTTPRoute), inventory.Whole)
			r.route("shop", "a", "a.example.com")
			r.settle()
			r.becomes(edge, "none a.example.com")
		}
	})
	t.Run("the only route is made anew", func(t *testing.T) {
		r, edge, _ := started(t, listener)
		r.unroute("shop", "a")
		r.becomes(edge, "none a.example.com")
		r.settle()
		r.becomes(edge, "none a.example.com")
		r.route("shop", "a", "a.example.com")
		r.settle()
		r.becomes(edge, "none a.example.com")
	})
	t.Run("before a renewal", func(t *testing.T) {
		r, edge, object := started(t, listener)
		renewal := r.now.Add(24 * time.Hour)
		object["status"] = map[string]any{"renewalTime": renewal.Format(time.RFC3339)}
		r.store(object)
		r.unroute("shop", "a")
		r.settle()
		if d := decidedOf(t, r.becomes(edge, "none a.example.com"), "shop", "edge-tls"); !d.Again.Equal(renewal.Add(-time.Hour)) {
			t.Errorf("it is looked at again at %v", d.Again)
		}
		r.store(object)
		r.now = renewal.Add(-time.Hour)
		r.becomes(edge, "apply *.example.com")
		r.becomes(edge, "none *.example.com")
	})
	t.Run("another name comes", func(t *testing.T) {
		r, edge, _ := started(t, listener)
		r.unroute("shop", "a")
		r.route("blog", "b", "b.blog.example.com")
		r.settle()
		r.becomes(edge, "apply b.blog.example.com")
	})
	t.Run("the name is forbidden", func(t *testing.T) {
		r, edge, _ := started(t, listener)
		r.SetPolicy(newRouting(t, replace, func(p *certshim.Policy) { p.Routes.Suffixes = map[string][]string{"blog": {"blog.example.com"}} }).Policy())
		if d := decidedOf(t, r.decide(edge), "shop", "edge-tls"); namesOfConfig(d) != "*.example.com" {
			t.Errorf("%s %q", d.Action, namesOfConfig(d))
		}
	})
	t.Run("wildcards are kept", func(t *testing.T) {
		r, edge, _ := started(t, listener)
		r.SetPolicy(newRouting(t).Policy())
		if d := decidedOf(t, r.decide(edge), "shop", "edge-tls"); namesOfConfig(d) != "*.example.com a.example.com" {
			t.Errorf("%s %q", d.Action, namesOfConfig(d))
		}
	})
	t.Run("another wildcard", func(t *testing.T) {
		r, _, _ := started(t, listener)
		r.unroute("shop", "a")
		r.settle()
		edge := r.add(routedGateway(`, hostname: "*.com"`))
		r.becomes(edge, "apply *.com a.example.com")
	})
}

// A wildcard that a Certificate has gives way no earlier than names of routes come.
func TestAWildcardStaysUntilNamesCome(t *testing.T) {
	r := newRouting(t, func(p *certshim.Policy) { p.Routes.ReplaceWildcards = true })
	const beside = `, hostname: "*.example.com"}, {name: other, port: 443, protocol: HTTPS, hostname: www.example.org, tls: {certificateRefs: [{name: edge-tls}]}`
	edge := r.add(strings.Replace(routedGateway(beside), `, certshim.io/route-names: "true"`, "", 1))
	r.becomes(edge, "create *.example.com www.example.org")
	edge = r.add(routedGateway(beside))
	r.becomes(edge, "none *.example.com www.example.org")
	r.route("shop", "a", "a.example.com")
	r.becomes(edge, "none *.example.com www.example.org")
	r.settle()
	r.becomes(edge, "apply www.example.org a.example.com")
	r.becomes(edge, "none www.example.org a.example.com")
}
