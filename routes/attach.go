package routes

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/source"
)

// Listener is what attachment depends on.
type Listener struct {
	Name     string
	Port     int64
	Protocol string
	// Hostname is "" for all.
	Hostname string
	// AllowedRoutes have the default Same; without kinds, those of the protocol may attach.
	source.AllowedRoutes
	// Speaks is set if the listener is reported to have its Secret, so that a refusal of a route doesn't
	// come from the Secret that is yet to be made.
	Speaks bool
}

// ListenersOf are those of a Gateway or ListenerSet, in the order of its entries.
func ListenersOf(object *source.Object) []Listener {
	all := make([]Listener, len(object.Entries))
	for n, entry := range object.Entries {
		all[n] = Listener{
			Name: entry.Section, Port: int64(entry.Port), Protocol: entry.Protocol, Speaks: entry.Resolved,
			AllowedRoutes: source.AllowedRoutes{From: source.FromSame},
		}
		if len(entry.Hosts) > 0 {
			all[n].Hostname = entry.Hosts[0]
		}
		if entry.Routes != nil {
			all[n].AllowedRoutes = *entry.Routes
		}
	}
	return all
}

// Verdict is what is known of a name that a route offers to a listener.
type Verdict uint8

// The verdicts. Of several about the same name the greatest counts.
const (
	// Refused means that the implementation doesn't accept the route.
	Refused Verdict = iota + 1
	// Forbidden means that the listener, or the operator, doesn't allow it.
	Forbidden
	// Uncertain means that it can't be known now.
	Uncertain
	// Allowed means that the route attaches, and may bring the name.
	Allowed
)

// Offer is a name that a route brings to a listener.
type Offer struct {
	Name string
	// Route that brings it.
	Route *Route
	Verdict
}

// Parents says where routes attach: a Gateway or ListenerSet, with its listeners.
type Parents struct {
	Kind            source.GroupKind
	Namespace, Name string
	Listeners       []Listener
	// Labels gives those of a Namespace, false where they can't be known; nil where none can.
	Labels func(namespace string) (map[string]string, bool)
	// Permit is the operator's word on a name that a route brings: Allowed, Forbidden or Uncertain.
	Permit func(route *Route, name string) Verdict
}

// Gather gives the names that routes offer to each listener, in the order of the listeners.
func Gather(to Parents, all []Route) [][]Offer {
	offers := make([][]Offer, len(to.Listeners))
	gates := make([]gate, len(to.Listeners))
	for n := range to.Listeners {
		gates[n] = gate{Listener: &to.Listeners[n], to: &to}
	}
	for i := range all {
		route := &all[i]
		for _, ref := range route.Parents {
			if !ref.is(&to) {
				continue
			}
			for n := range gates {
				offers[n] = gates[n].offers(offers[n], route, ref)
			}
		}
	}
	return offers
}

func (p *Parent) is(to *Parents) bool {
	return p.Name == to.Name && p.Namespace == to.Namespace && p.Kind == to.Kind
}

// gate is a listener, and what it was found to do with routes of a namespace.
type gate struct {
	*Listener
	to *Parents
	// lets is the verdict on each namespace.
	lets     map[string]Verdict
	selector labels.Selector
}

func (g *gate) offers(offers []Offer, route *Route, ref Parent) []Offer {
	if ref.Section != "" && ref.Section != g.Name || ref.Port != 0 && ref.Port != g.Port || !g.hasKind(route.Kind) {
		return offers
	}
	hostnames := route.Hostnames
	if len(hostnames) == 0 {
		if route.Kind == TLSRoute {
			return offers
		}
		hostnames = []string{""}
	}
	for _, hostname := range hostnames {
		if name, meet := Intersect(g.Hostname, hostname); meet && isName(name) {
			offers = append(offers, Offer{Name: name, Route: route, Verdict: g.verdict(route, ref, name)})
		}
	}
	return offers
}

func (g *gate) verdict(route *Route, ref Parent, name string) Verdict {
	lets := g.admits(route.Namespace)
	if !g.listsKind(route.Kind) {
		lets = Forbidden
	}
	if lets != Forbidden && g.to.Permit != nil {
		lets = min(lets, g.to.Permit(route, name))
	}
	if lets == Allowed && ref.Refused && g.Speaks {
		return Refused
	}
	return lets
}

// hasKind reports whether the protocol of the listener can have routes of a kind. Of other protocols
// than those of the API only the implementation knows.
func (g *gate) hasKind(kind string) bool {
	switch g.Protocol {
	case "HTTP", "HTTPS":
		return kind == HTTPRoute || kind == GRPCRoute
	case "TLS":
		return kind == TLSRoute
	}
	return len(g.Kinds) > 0
}

func (g *gate) listsKind(kind string) bool {
	return len(g.Kinds) == 0 || slices.Contains(g.Kinds, source.GroupKind{Group: source.GatewayGroup, Kind: kind})
}

// admits says whether routes of a namespace may attach.
func (g *gate) admits(namespace string) Verdict {
	switch g.From {
	case source.FromAll:
		return Allowed
	case source.FromSame:
		if namespace == g.to.Namespace {
			return Allowed
		}
	case source.FromSelector:
		return g.selects(namespace)
	}
	return Forbidden
}

func (g *gate) selects(namespace string) Verdict {
	if said, known := g.lets[namespace]; known {
		return said
	}
	if g.lets == nil {
		g.lets = map[string]Verdict{}
		g.selector = selectorOf(g.Selector)
	}
	g.lets[namespace] = g.bySelector(namespace)
	return g.lets[namespace]
}

func (g *gate) bySelector(namespace string) Verdict {
	if g.selector.Empty() {
		return Allowed
	}
	if _, selectable := g.selector.Requirements(); !selectable {
		return Forbidden
	}
	if g.to.Labels == nil {
		return Uncertain
	}
	set, known := g.to.Labels(namespace)
	switch {
	case !known:
		return Uncertain
	case g.selector.Matches(labels.Set(set)):
		return Allowed
	}
	return Forbidden
}

func selectorOf(text string) labels.Selector {
	switch text {
	case "":
		return labels.Nothing()
	case source.EveryNamespace:
		return labels.Everything()
	}
	selector, err := labels.Parse(text)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}
