package routes_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// meeting is a row of the table of hostnames: what a listener and the hostnames of a route have in common,
// and which of that goes into a certificate.
type meeting struct {
	listener string
	route    []string
	// common is what is common, names the part for a certificate; nil means that they are the same.
	common, names []string
}

// without is the part of a row that no certificate has.
func none() []string { return []string{} }

// meetings are the hostnames of the Gateway API's page on them and its conformance tests.
var meetings = map[string]meeting{
	"1 equal":                          {"www.example.com", words("www.example.com"), words("www.example.com"), nil},
	"2 different":                      {"www.example.com", words("foo.example.com"), nil, nil},
	"3 below a wildcard":               {"*.example.com", words("www.example.com"), words("www.example.com"), nil},
	"4 two labels below":               {"*.example.com", words("a.b.example.com"), words("a.b.example.com"), nil},
	"5 no label below":                 {"*.example.com", words("example.com"), nil, nil},
	"6 no label below, turned round":   {"example.com", words("*.example.com"), nil, nil},
	"7 a wildcard above":               {"www.example.com", words("*.example.com"), words("www.example.com"), nil},
	"8 a wildcard two above":           {"a.b.example.com", words("*.example.com"), words("a.b.example.com"), nil},
	"9 equal wildcards":                {"*.example.com", words("*.example.com"), words("*.example.com"), none()},
	"10 narrower wildcard":             {"*.com", words("*.example.com"), words("*.example.com"), none()},
	"11 broader wildcard":              {"*.example.com", words("*.com"), words("*.example.com"), none()},
	"12 narrower by a label":           {"*.example.com", words("*.foo.example.com"), words("*.foo.example.com"), none()},
	"13 sibling wildcards":             {"*.foo.example.com", words("*.bar.example.com"), nil, nil},
	"14 wildcards of other domains":    {"*.example.com", words("*.example.net"), nil, nil},
	"15 listener for all":              {"", words("www.example.com"), words("www.example.com"), nil},
	"16 wildcard to a listener of all": {"", words("*.example.com"), words("*.example.com"), none()},
	"17 both for all":                  {"", nil, words("-"), none()},
	"18 route for all":                 {"www.example.com", nil, words("www.example.com"), nil},
	"19 route for all to a wildcard":   {"*.example.com", nil, words("*.example.com"), none()},
	"20 some of several":               {"*.example.com", words("a.example.com b.example.net example.com"), words("a.example.com"), nil},
	"21 one of several":                {"very.specific.com", words("non.matching.com *.nonmatching.io very.specific.com"), words("very.specific.com"), nil},
	"22 two of several": {
		"*.wildcard.io", words("wildcard.io foo.wildcard.io foo.bar.wildcard.io"), words("foo.wildcard.io foo.bar.wildcard.io"), nil,
	},
	"23 no dot before the suffix": {"*.example.com", words("fooexample.com"), nil, nil},
	"24 broader and exact": {
		"*.foo.example.com", words("*.example.com abc.foo.example.com"), words("*.foo.example.com abc.foo.example.com"), words("abc.foo.example.com"),
	},
	"25 three ways to one name": {
		"abc.foo.example.com", words("*.example.com *.foo.example.com abc.foo.example.com"), words("abc.foo.example.com"), nil,
	},
	"26 several to a listener for all": {
		"", words("bar.com *.example.com abc.foo.example.com"), words("bar.com *.example.com abc.foo.example.com"), words("bar.com abc.foo.example.com"),
	},
	"27 two wildcards above":         {"foo.example.com", words("*.com *.example.com"), words("foo.example.com"), nil},
	"28 top-level wildcard":          {"*.com", words("example.com www.example.com"), words("example.com www.example.com"), nil},
	"29 public suffix":               {"*.co.uk", words("*.uk"), words("*.co.uk"), none()},
	"30 suffix without its dot":      {"*.example.com", words("notexample.com"), nil, nil},
	"an empty label":                 {"*.example.com", words(".example.com"), nil, nil},
	"31 case, as the listener's":     {"WWW.example.com", words("www.example.com"), words("WWW.example.com"), nil},
	"32 an IP address":               {"192.0.2.1", words("192.0.2.1"), words("192.0.2.1"), none()},
	"33 asterisk alone":              {"*", words("a.example.com"), nil, nil},
	"33 asterisk within a label":     {"f*.example.com", words("foo.example.com"), nil, nil},
	"33 asterisk of a route":         {"", words("* f*.example.com"), words("* f*.example.com"), none()},
	"40 two labels to a wildcard":    {"*.example.com", words("a.b.example.com"), words("a.b.example.com"), nil},
	"an IPv6 address":                {"", words("2001:db8::1"), words("2001:db8::1"), none()},
	"a label that is too long":       {"", words(strings.Repeat("a", 64) + ".example.com"), words(strings.Repeat("a", 64) + ".example.com"), none()},
	"case of a wildcard and a route": {"*.EXAMPLE.com", words("a.Example.com"), words("a.Example.com"), nil},
}

func words(text string) []string { return strings.Fields(text) }

func TestHostnamesMeet(t *testing.T) {
	for name, row := range meetings {
		t.Run(name, func(t *testing.T) {
			hostnames := row.route
			if len(hostnames) == 0 {
				hostnames = []string{""}
			}
			var common []string
			for _, hostname := range hostnames {
				if both, meet := routes.Intersect(row.listener, hostname); meet && !slices.Contains(common, orDash(both)) {
					common = append(common, orDash(both))
				}
			}
			if !slices.Equal(common, row.common) {
				t.Errorf("in common: %q, want %q", common, row.common)
			}
			want := row.names
			if want == nil {
				want = row.common
			}
			if got := offered(listener(row.listener), route("web", row.route...)); !slices.Equal(got, want) {
				t.Errorf("for the certificate: %q, want %q", got, want)
			}
		})
	}
}

func orDash(hostname string) string {
	if hostname == "" {
		return "-"
	}
	return hostname
}

const namespace = "infra"

var gatewayKind = source.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}

// listener is one that terminates TLS and admits routes of its own namespace.
func listener(hostname string) routes.Listener {
	return routes.Listener{Name: "https", Port: 443, Protocol: "HTTPS", Hostname: hostname, AllowedRoutes: source.AllowedRoutes{From: "Same"}}
}

// route is one of the Gateway edge.
func route(name string, hostnames ...string) routes.Route {
	return routes.Route{
		Kind: routes.HTTPRoute, Namespace: namespace, Name: name, Hostnames: hostnames,
		Parents: []routes.Parent{{Kind: gatewayKind, Namespace: namespace, Name: "edge"}},
	}
}

func gather(listeners []routes.Listener, all ...routes.Route) [][]routes.Offer {
	return routes.Gather(routes.Parents{Kind: gatewayKind, Namespace: namespace, Name: "edge", Listeners: listeners}, all)
}

// offered are the names that routes may bring to a listener, each once.
func offered(l routes.Listener, all ...routes.Route) []string {
	return allowed(gather([]routes.Listener{l}, all...)[0])
}

func allowed(offers []routes.Offer) []string {
	var names []string
	for _, o := range offers {
		if o.Verdict == routes.Allowed && !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
	}
	return names
}

// The rows of the table that are about more than hostnames.
func TestRoutesAttach(t *testing.T) {
	set := source.GroupKind{Group: source.GatewayGroup, Kind: source.ListenerSetKind}
	with := func(change func(*routes.Listener, *routes.Route)) (routes.Listener, routes.Route) {
		l, r := listener("*.example.com"), route("web", "a.example.com")
		change(&l, &r)
		return l, r
	}
	for name, row := range map[string]struct {
		change   func(*routes.Listener, *routes.Route)
		attaches bool
	}{
		"as it is":                              {func(*routes.Listener, *routes.Route) {}, true},
		"36 another namespace":                  {func(_ *routes.Listener, r *routes.Route) { r.Namespace = "shop" }, false},
		"all namespaces":                        {func(l *routes.Listener, r *routes.Route) { l.From, r.Namespace = "All", "shop" }, true},
		"no namespaces":                         {func(l *routes.Listener, _ *routes.Route) { l.From = "None" }, false},
		"unknown choice of namespaces":          {func(l *routes.Listener, _ *routes.Route) { l.From = "all" }, false},
		"a selector that fits":                  {func(l *routes.Listener, r *routes.Route) { selects(l, "team=shop"); r.Namespace = "shop" }, true},
		"a selector that fits the own one":      {func(l *routes.Listener, _ *routes.Route) { selects(l, "team=infra") }, true},
		"a selector that doesn't fit":           {func(l *routes.Listener, r *routes.Route) { selects(l, "team=blog"); r.Namespace = "shop" }, false},
		"a selector without requirements":       {func(l *routes.Listener, r *routes.Route) { selects(l, "<none>"); r.Namespace = "unknown" }, true},
		"no selector":                           {func(l *routes.Listener, _ *routes.Route) { selects(l, "") }, false},
		"labels that can't be known":            {func(l *routes.Listener, r *routes.Route) { selects(l, "team=shop"); r.Namespace = "unknown" }, false},
		"a kind that is listed":                 {func(l *routes.Listener, _ *routes.Route) { lists(l, "GRPCRoute", "HTTPRoute") }, true},
		"a kind that isn't listed":              {func(l *routes.Listener, _ *routes.Route) { lists(l, "GRPCRoute") }, false},
		"39 GRPCRoute":                          {func(_ *routes.Listener, r *routes.Route) { r.Kind = routes.GRPCRoute }, true},
		"TLSRoute to HTTPS":                     {func(_ *routes.Listener, r *routes.Route) { r.Kind = routes.TLSRoute }, false},
		"38 TLSRoute to TLS":                    {func(l *routes.Listener, r *routes.Route) { l.Protocol, r.Kind = "TLS", routes.TLSRoute }, true},
		"HTTPRoute to TLS":                      {func(l *routes.Listener, _ *routes.Route) { l.Protocol = "TLS" }, false},
		"TLSRoute without hostnames":            {func(l *routes.Listener, r *routes.Route) { *l, *r = tlsFor("a.example.com"), tlsRoute() }, false},
		"another protocol":                      {func(l *routes.Listener, _ *routes.Route) { l.Protocol = "example.com/QUIC" }, false},
		"another protocol that lists the kind":  {func(l *routes.Listener, _ *routes.Route) { l.Protocol = "example.com/QUIC"; lists(l, "HTTPRoute") }, true},
		"the section":                           {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Section = "https" }, true},
		"another section":                       {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Section = "http" }, false},
		"the port":                              {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Port = 443 }, true},
		"another port":                          {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Port = 80 }, false},
		"the section and another port":          {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Section, r.Parents[0].Port = "https", 80 }, false},
		"another Gateway":                       {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Name = "other" }, false},
		"a Gateway of another namespace":        {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Namespace = "shop" }, false},
		"a ListenerSet of the same name":        {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Kind = set }, false},
		"two refs, one of which fits":           {func(_ *routes.Listener, r *routes.Route) { r.Parents = append(otherSection(), r.Parents...) }, true},
		"refused, by one that can speak":        {func(l *routes.Listener, r *routes.Route) { l.Speaks, r.Parents[0].Refused = true, true }, false},
		"refused while the Secret isn't there":  {func(_ *routes.Listener, r *routes.Route) { r.Parents[0].Refused = true }, true},
		"nothing refused by one that can speak": {func(l *routes.Listener, _ *routes.Route) { l.Speaks = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, r := with(row.change)
			to := routes.Parents{Kind: gatewayKind, Namespace: namespace, Name: "edge", Listeners: []routes.Listener{l}, Labels: labelsOf}
			got := allowed(routes.Gather(to, []routes.Route{r})[0])
			if attaches := len(got) > 0; attaches != row.attaches {
				t.Errorf("it brings %q", got)
			}
		})
	}
}

func selects(l *routes.Listener, selector string) { l.From, l.Selector = "Selector", selector }

func lists(l *routes.Listener, kinds ...string) {
	for _, kind := range kinds {
		l.Kinds = append(l.Kinds, source.GroupKind{Group: source.GatewayGroup, Kind: kind})
	}
}

func tlsFor(hostname string) routes.Listener {
	l := listener(hostname)
	l.Protocol = "TLS"
	return l
}

func tlsRoute() routes.Route {
	r := route("tls")
	r.Kind = routes.TLSRoute
	return r
}

func otherSection() []routes.Parent {
	return []routes.Parent{{Kind: gatewayKind, Namespace: namespace, Name: "edge", Section: "other"}}
}

func labelsOf(namespace string) (map[string]string, bool) {
	return map[string]string{"team": namespace}, namespace != "unknown"
}

// Rows 34 and 35: what each of two listeners gets.
func TestListenersGetTheirOwnNames(t *testing.T) {
	wide, narrow := listener("*.example.com"), listener("a.example.com")
	narrow.Name = "narrow"
	offers := gather([]routes.Listener{wide, narrow}, route("web", "a.example.com"))
	for n, of := range offers {
		if got := allowed(of); !slices.Equal(got, words("a.example.com")) {
			t.Errorf("listener %d gets %q: each certificate has to have the name", n, got)
		}
	}
	plain := routes.Listener{Name: "http", Port: 80, Protocol: "HTTP", AllowedRoutes: source.AllowedRoutes{From: "Same"}}
	offers = gather([]routes.Listener{narrow, plain}, route("web", "b.example.com"))
	if len(offers[0]) != 0 || !slices.Equal(allowed(offers[1]), words("b.example.com")) {
		t.Errorf("a route of the plain listener brings %v to that of TLS, %v to its own", offers[0], offers[1])
	}
}

// What forbids a name must be told apart from what can't be known.
func TestVerdicts(t *testing.T) {
	l := listener("*.example.com")
	selects(&l, "team=shop")
	l.Speaks = true
	in := func(namespace string) routes.Route {
		r := route("web", "a.example.com")
		r.Namespace = namespace
		return r
	}
	refused := in("shop")
	refused.Parents[0].Refused = true
	permit := routes.Allowed
	for _, row := range []struct {
		route  routes.Route
		permit routes.Verdict
		want   routes.Verdict
	}{
		{in("shop"), routes.Allowed, routes.Allowed},
		{in("shop"), routes.Uncertain, routes.Uncertain},
		{in("shop"), routes.Forbidden, routes.Forbidden},
		{in("unknown"), routes.Allowed, routes.Uncertain},
		{in("unknown"), routes.Forbidden, routes.Forbidden},
		{in("blog"), routes.Allowed, routes.Forbidden},
		{refused, routes.Allowed, routes.Refused},
		{refused, routes.Forbidden, routes.Forbidden},
	} {
		permit = row.permit
		to := routes.Parents{Kind: gatewayKind, Namespace: namespace, Name: "edge", Listeners: []routes.Listener{l}, Labels: labelsOf}
		to.Permit = func(*routes.Route, string) routes.Verdict { return permit }
		if got := routes.Gather(to, []routes.Route{row.route})[0][0].Verdict; got != row.want {
			t.Errorf("of namespace %s, which the operator gives %d: %d, want %d", row.route.Namespace, row.permit, got, row.want)
		}
	}
}
