package inventory

import (
	"cmp"
	"slices"
	"time"
	"unique"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// Route is a route as it is kept. Make one by [Routes.Pack].
type Route struct {
	compact
	kind unique.Handle[string]
}

// RouteKind is a kind of routes.
func RouteKind(kind string) resolver.GroupKind {
	return resolver.GroupKind{Group: source.GatewayGroup, Kind: kind}
}

// routeKey names a route.
type routeKey struct {
	kind      unique.Handle[string]
	namespace unique.Handle[string]
	name      string
}

func (r *Route) key() routeKey { return routeKey{r.kind, r.namespace, r.name()} }

func packRoute(object *unstructured.Unstructured, route routes.Route) *Route {
	var p packer
	p.head(route.Name, string(object.GetUID()), object.GetResourceVersion())
	p.number(uint64(route.Created.Unix()))
	p.texts(route.Hostnames)
	p.number(uint64(len(route.Parents)))
	for _, to := range route.Parents {
		p.texts([]string{to.Kind.Group, to.Kind.Kind, to.Namespace, to.Name, to.Section})
		p.number(uint64(to.Port))
		p.truth(to.Refused)
	}
	return &Route{compact{namespace: unique.Make(route.Namespace), packed: string(p)}, unique.Make(route.Kind)}
}

func (r *Route) unpack() routes.Route {
	u := unpacker(r.packed)
	route := routes.Route{Kind: r.kind.Value(), Namespace: r.namespace.Value(), Name: u.text()}
	u.text()
	u.text()
	if seconds := int64(u.number()); seconds != (time.Time{}).Unix() {
		route.Created = time.Unix(seconds, 0).UTC()
	}
	route.Hostnames = u.texts()
	if n := u.count(); n > 0 {
		route.Parents = make([]routes.Parent, n)
	}
	for i := range route.Parents {
		if texts := u.texts(); len(texts) == 5 {
			route.Parents[i] = routes.Parent{
				Kind: source.GroupKind{Group: texts[0], Kind: texts[1]}, Namespace: texts[2], Name: texts[3], Section: texts[4],
			}
		}
		route.Parents[i].Port, route.Parents[i].Refused = int64(u.number()), u.truth()
	}
	return route
}

// compareAge orders routes nearly as their names are chosen, so that there is little left to sort.
func compareAge(a, b *Route) int {
	return cmp.Or(cmp.Compare(a.created(), b.created()), cmp.Compare(a.namespace.Value(), b.namespace.Value()), cmp.Compare(a.name(), b.name()))
}

// created is when it was made, as it is packed.
func (r *Route) created() int64 {
	u := unpacker(r.body())
	return int64(u.number())
}

// attached are the routes that name one parent, the oldest first, and when what they bring to it changed last.
type attached struct {
	routes  []*Route
	changed routes.Burst
}

// brings reports whether what a route brings to the listeners of a parent differs between two versions of it. What
// depends on the labels of Namespaces is left to decisions.
func brings(parent *source.Object, before, now routes.Route) bool {
	to := routes.Parents{Kind: parent.GroupKind(), Namespace: parent.Namespace, Name: parent.Name, Listeners: routes.ListenersOf(parent)}
	was, is := routes.Gather(to, []routes.Route{before}), routes.Gather(to, []routes.Route{now})
	for n := range was {
		if !slices.EqualFunc(was[n], is[n], sameOffer) {
			return true
		}
	}
	return false
}

// sameOffer compares what decisions read of an offer.
func sameOffer(a, b routes.Offer) bool {
	return a.Name == b.Name && a.Verdict == b.Verdict && a.Route.Created.Equal(b.Route.Created)
}

// routesFact is which routes name a parent.
func routesFact(parent source.Ref) fact {
	return fact{question: asksRoutes, kind: resolver.GroupKind(parent.GroupKind()), namespace: parent.Namespace, name: parent.Name}
}

// parentsOf are the parents that a route names, each once, but for Services, to which routes of a mesh attach.
func parentsOf(route routes.Route) []fact {
	var parents []fact
	for _, to := range route.Parents {
		f := routesFact(source.Ref{Group: to.Kind.Group, Kind: to.Kind.Kind, Namespace: to.Namespace, Name: to.Name})
		if to.Kind.Group != "" && !slices.Contains(parents, f) {
			parents = append(parents, f)
		}
	}
	return parents
}

// Routes is the intake of a kind of routes.
func (i *Inventory) Routes(kind string) Intake {
	return Intake{
		Paths: routes.Reads(),
		Pack: func(object *unstructured.Unstructured) (any, error) {
			return packRoute(object, routes.Reduce(kind, object)), nil
		},
		Put:   func(packed any) Wake { return i.setRoute(packed.(*Route), true) },
		Drop:  func(packed any) Wake { return i.setRoute(packed.(*Route), false) },
		Clear: func() Wake { return i.dropRoutes(kind) },
	}
}

func (i *Inventory) setRoute(item *Route, there bool) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.edits.routes = max(i.edits.routes, item.version())
	key := item.key()
	old := i.routes[key]
	if old != nil && there && old.same(&item.compact) {
		i.exchange(old, item)
		return Wake{}
	}
	if !there {
		item = nil
	}
	c := i.changing()
	c.replaceRoute(old, item)
	return c.wake
}

// exchange puts a version of a route that looks the same in the place of another.
func (i *Inventory) exchange(old, item *Route) {
	delete(i.routes, old.key())
	i.routes[item.key()] = item
	for _, parent := range parentsOf(item.unpack()) {
		list := i.attached[parent].routes
		list[slices.Index(list, old)] = item
	}
}

// replaceRoute puts a version of a route in the place of another; either may be nil. Who is woken are
// the parents that see a difference.
func (c *change) replaceRoute(old, item *Route) {
	var before, now routes.Route
	if old != nil {
		before = old.unpack()
		delete(c.routes, old.key())
	}
	if item != nil {
		now = item.unpack()
		c.routes[item.key()] = item
	}
	left, entered := parentsOf(before), parentsOf(now)
	for _, parent := range slices.Concat(left, slices.DeleteFunc(slices.Clone(entered), func(f fact) bool { return slices.Contains(left, f) })) {
		a := c.attachedTo(parent)
		if slices.Contains(left, parent) {
			a.routes = slices.DeleteFunc(a.routes, func(r *Route) bool { return r == old })
		}
		if slices.Contains(entered, parent) {
			at, _ := slices.BinarySearchFunc(a.routes, item, compareAge)
			a.routes = slices.Insert(a.routes, at, item)
		}
		c.attachedChanged(parent, a, before, now)
	}
}

// attachedChanged wakes a parent to whose listeners a version of a route brings something else than the one before.
// What is kept of a parent that nobody asks for goes with its last route.
func (c *change) attachedChanged(parent fact, a *attached, before, now routes.Route) {
	isRead := c.isRead(parent)
	if len(a.routes) == 0 && !isRead {
		delete(c.attached, parent)
	}
	of := c.source(NewKey(source.GroupKind(parent.kind), parent.namespace, parent.name))
	if !isRead || of == nil {
		return
	}
	if object, _ := of.unpack(); brings(object, before, now) {
		a.changed = a.changed.Add(c.time())
		c.fact(parent)
	}
}

// attachedTo gives the routes of a parent, none at first.
func (i *Inventory) attachedTo(parent fact) *attached {
	a := i.attached[parent]
	if a == nil {
		a = &attached{}
		i.attached[parent.cloned()] = a
	}
	return a
}

func (i *Inventory) dropRoutes(kind string) Wake {
	i.lock.Lock()
	defer i.lock.Unlock()
	c := i.changing()
	for key, item := range i.routes {
		if key.kind.Value() == kind {
			c.replaceRoute(item, nil)
		}
	}
	return c.wake
}

// RoutesOf implements [certshim.Observed].
func (l *Look) RoutesOf(parent source.Ref) certshim.Attached {
	l.lock.RLock()
	defer l.lock.RUnlock()
	f := routesFact(parent)
	l.asks(f)
	seen := certshim.Attached{Complete: true}
	for _, kind := range l.policy.Routes.Reads() {
		if l.absent(RouteKind(kind), "") != certshim.Absent {
			seen.Complete = false
		}
	}
	if l.routesAnswer() == Unread {
		return seen
	}
	for namespace := range l.policy.Routes.Suffixes {
		seen.Complete = seen.Complete && l.Watches(namespace)
	}
	a := l.attached[f]
	if a == nil {
		return seen
	}
	seen.Changed = a.changed
	seen.Routes = make([]routes.Route, 0, len(a.routes))
	for _, item := range a.routes {
		route := item.unpack()
		route.Edited = l.edits.isSince(&item.compact)
		seen.Routes = append(seen.Routes, route)
	}
	return seen
}

// Now implements [certshim.Observed].
func (l *Look) Now() time.Time { return l.now }

// time is that of a change, zero where nobody asks for times.
func (i *Inventory) time() time.Time {
	if i.options.Now == nil {
		return time.Time{}
	}
	return i.options.Now()
}

// IsRouteKind says whether a kind is one of routes.
func IsRouteKind(kind resolver.GroupKind) bool {
	return kind.Group == source.GatewayGroup && slices.Contains(routes.Kinds(), kind.Kind)
}

// routesAnswer is how much is known of routes; who is concerned when one changes, [change.replaceRoute] says.
func (i *Inventory) routesAnswer() Knowledge {
	known := Whole
	for _, kind := range i.policy.Routes.Reads() {
		if i.known[RouteKind(kind)] == Unread {
			return Unread
		}
		known = max(known, i.known[RouteKind(kind)])
	}
	return known
}
