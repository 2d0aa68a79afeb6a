package certshim_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
)

// byRoutes are solvers whose routes attach to the source, and to nothing else.
const byRoutes = `{http01: {gatewayHTTPRoute: {}}}`

// acme lets the cluster have the ACME issuer "ca", with these solvers.
func (c *cluster) acme(solvers string) {
	c.t.Helper()
	object := read(c.t.(*testing.T), `{kind: ClusterIssuer, metadata: {name: ca}, spec: {acme: {solvers: [`+solvers+`]}}}`)
	object.SetNamespace("")
	c.take(c.issuersLike(clusterIssuer("ca")), object)
}

// challenged is a cluster with an issuer and Gateways, all of which is known.
func challenged(t *testing.T, solvers string, change ...func(*certshim.Policy)) *cluster {
	t.Helper()
	c := newCluster(t, newPolicy(t, change...))
	for _, kind := range []string{"Gateway", "ListenerSet"} {
		c.Know(inventory.RouteKind(kind), inventory.Whole)
	}
	c.Know(inventory.CertificateKind(), inventory.Whole)
	c.Know(clusterIssuer("").GroupKind, inventory.Whole)
	c.acme(solvers)
	return c
}

// unanswered are the problems with challenges, by severity and path.
func unanswered(out certshim.Outcome) string {
	var all []string
	for _, p := range out.Problems.All() {
		if p.Reason == problem.ChallengeUnanswered {
			all = append(all, string(p.Severity)+" "+p.Path)
		}
	}
	return strings.Join(all, ", ")
}

func TestChallengesThatNoListenerAnswers(t *testing.T) {
	gateway := func(listeners ...string) string {
		return `{kind: Gateway, metadata: {name: edge, annotations: {cert-manager.io/cluster-issuer: ca}}, spec: {listeners: [
			{name: https, port: 443, protocol: HTTPS, hostname: www.example.com, tls: {certificateRefs: [{name: edge-tls}]}}, ` + strings.Join(listeners, ", ") + `]}}`
	}
	set := func(annotations, listeners string) string {
		return `{kind: ListenerSet, metadata: {name: set, annotations: {cert-manager.io/cluster-issuer: ca` + annotations + `}}, spec: {parentRef: {name: edge}, listeners: [
			{name: https, port: 443, protocol: HTTPS, hostname: www.example.com, tls: {certificateRefs: [{name: edge-tls}]}}` + listeners + `]}}`
	}
	const plain = `{name: http, port: 80, protocol: HTTP}`
	kinds := func(kind string) string {
		return `{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: ` + kind + `}]}}`
	}
	for name, row := range map[string]struct{ solvers, source, want string }{
		"a listener of port 80":                  {byRoutes, gateway(plain), ""},
		"a listener of another port":             {byRoutes, gateway(`{name: http, port: 8000, protocol: HTTP}`), ""},
		"one of HTTPRoutes":                      {byRoutes, gateway(kinds("HTTPRoute")), ""},
		"one of other routes":                    {byRoutes, gateway(kinds("GRPCRoute")), "warning spec.listeners[1].allowedRoutes"},
		"one of no namespace":                    {byRoutes, gateway(`{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}}`), "warning spec.listeners[1].allowedRoutes"},
		"one of namespaces that aren't known":    {byRoutes, gateway(`{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}}`), ""},
		"another one of port 80 admits it":       {byRoutes, gateway(kinds("GRPCRoute"), `{name: mine, port: 80, protocol: HTTP, hostname: www.example.com}`), ""},
		"one of another port admits it":          {byRoutes, gateway(kinds("GRPCRoute"), `{name: other, port: 8000, protocol: HTTP}`), "warning spec.listeners[1].allowedRoutes"},
		"one of a wildcard":                      {byRoutes, gateway(`{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}`), ""},
		"one of another name":                    {byRoutes, gateway(`{name: http, port: 80, protocol: HTTP, hostname: www.example.org}`), "info spec.listeners[1].hostname"},
		"none":                                   {byRoutes, gateway(), "info spec.listeners[0]"},
		"none, and a wildcard":                   {byRoutes, strings.Replace(gateway(), "www.example.com", `"*.example.com"`, 1), ""},
		"none, and DNS-01 for some":              {byRoutes + `, {dns01: {route53: {}}}`, gateway(), ""},
		"none, and a parent of the issuer's":     {`{http01: {gatewayHTTPRoute: {parentRefs: [{name: solver}]}}}`, gateway(), ""},
		"none, and an Ingress":                   {`{http01: {ingress: {}}}`, gateway(), ""},
		"a ListenerSet with one":                 {byRoutes, set("", ", "+plain), ""},
		"a ListenerSet with none":                {byRoutes, set("", ""), "info spec.listeners[0]"},
		"a ListenerSet, whose Gateway has one":   {byRoutes, set(`, acme.cert-manager.io/http01-parentreffallback: "true"`, ""), ""},
		"an Ingress, whose routes are no routes": {byRoutes, `{kind: Ingress, metadata: {name: web, annotations: {cert-manager.io/cluster-issuer: ca}}, spec: {tls: [{hosts: [www.example.com], secretName: edge-tls}]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := challenged(t, row.solvers)
			c.add(`{kind: Gateway, metadata: {name: edge}, spec: {allowedListeners: {namespaces: {from: All}}, listeners: [` + plain + `]}}`)
			out := c.decide(c.add(row.source))
			if got := unanswered(out); got != row.want {
				t.Errorf("told of %q, want %q\n%s", got, row.want, told(out))
			}
			if d := decidedOf(t, out, "shop", "edge-tls"); d.Action != "create" {
				t.Errorf("it is %s: %s", d.Action, d.Reason)
			}
		})
	}
}

// Who is told of a challenge hears of it no more once the issuer proves names otherwise, or the listener is there.
func TestChallengesAreAnsweredLater(t *testing.T) {
	c := challenged(t, byRoutes)
	const gateway = `{kind: Gateway, metadata: {name: edge, annotations: {cert-manager.io/cluster-issuer: ca}}, spec: {listeners: [
		{name: https, port: 443, protocol: HTTPS, hostname: www.example.com, tls: {certificateRefs: [{name: edge-tls}]}}]}}`
	edge := c.add(gateway)
	out := c.decide(edge)
	c.carryOut(out)
	if unanswered(out) == "" {
		t.Fatal("it isn't told")
	}
	c.woken()
	c.acme(`{http01: {ingress: {}}}`)
	if got := c.woken(); len(got) != 1 || unanswered(c.decide(edge)) != "" {
		t.Errorf("another solver wakes %q: %s", got, unanswered(c.decide(edge)))
	}
}
