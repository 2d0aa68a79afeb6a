package controller

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/cluster/codec"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// maxUndeclared bounds the issuer kinds that are watched though nobody declares them: it is
// the authors of sources who name them.
const maxUndeclared = 32

// keepUnused is how long an issuer kind that nobody declares is watched after its last user
// is gone.
const keepUnused = 10 * time.Minute

// follow watches what is to be watched, and nothing else.
func (c *Controller) follow(ctx context.Context) {
	served := c.facts.Load().Served
	needs := c.inventory.Needs()
	c.undeclared = stillUsed(c.undeclared, needs, c.policy().Registry, time.Now())
	c.feeds.Update(ctx, c.desired(served, needs), served.Unknown)
}

// usedKind is an issuer kind that sources name and nobody declares.
type usedKind struct {
	resolver.GroupKind
	// at is when it was named last, and by has the namespaces of the sources that name it now.
	at time.Time
	by map[string]bool
	// watched is set while it has one of the places.
	watched bool
}

// stillUsed are the kinds that are in use or were shortly before, in the order of first use.
func stillUsed(used []usedKind, needs inventory.Needs, registry *resolver.Registry, now time.Time) []usedKind {
	for kind := range needs.Undeclared {
		if !slices.ContainsFunc(used, func(u usedKind) bool { return u.GroupKind == kind }) {
			used = append(used, usedKind{GroupKind: kind})
		}
	}
	for i := range used {
		u := &used[i]
		if u.by = needs.Undeclared[u.GroupKind]; u.by != nil {
			u.at = now
		}
	}
	return slices.DeleteFunc(used, func(u usedKind) bool { return now.Sub(u.at) >= keepUnused || registry.Knows(u.GroupKind) })
}

// inTurn sorts kinds by who gets a place first. Kinds that are in use keep the place that they have.
// Then namespaces take turns: the n-th kind of a namespace comes after n-1 kinds of every other.
// Kinds that are no longer in use come last.
func inTurn(used []*usedKind) []*usedKind {
	turns, named := map[*usedKind]int{}, map[string]int{}
	for _, u := range used {
		turn := len(used)
		for namespace := range u.by {
			turn = min(turn, named[namespace])
			named[namespace]++
		}
		if u.watched && u.by != nil {
			turn = -1
		}
		turns[u] = turn
	}
	slices.SortStableFunc(used, func(a, b *usedKind) int { return turns[a] - turns[b] })
	return used
}

// desired are the resources to watch, of those that the cluster serves.
func (c *Controller) desired(s inventory.Served, needs inventory.Needs) []cluster.Resource {
	var all []cluster.Resource
	if s.Has(certificate.Resource()) {
		all = append(all, c.resource(certificate.Resource(), inventory.CertificateKind(), c.inventory.Certificates()))
	}
	for _, kind := range c.policy().Kinds.All() {
		if resource, served := s.SourcesOf(kind); served {
			all = append(all, c.sources(kind, resource))
		}
	}
	for _, known := range c.policy().Registry.Kinds() {
		if resource, note, served := s.IssuersOf(known); served {
			w := c.issuers(known.GroupKind, &known, resource, known.Scope)
			w.Note = note
			all = append(all, w)
		}
	}
	all = append(all, c.undeclaredIssuers(s)...)
	if resource, served := s.Grants(); served && c.readsGrants(needs) {
		w := c.resource(resource, inventory.GrantKind(), c.inventory.Grants())
		w.Advisory = true
		all = append(all, w)
	}
	for _, kind := range c.policy().Routes.Reads() {
		if resource := routes.Resource(kind); needs.Routes && s.Has(resource) {
			w := c.resource(resource, inventory.RouteKind(kind), c.inventory.Routes(kind))
			w.Advisory = true
			all = append(all, w)
		}
	}
	if needs.Namespaces || c.policy().ReadsNamespaces() {
		w := c.resource(namespacesResource(), inventory.NamespaceKind(), c.inventory.Namespaces())
		w.ClusterScoped, w.Advisory = true, true
		all = append(all, w)
	}
	return all
}

// readsGrants says whether ReferenceGrants are watched: while a source asks for them, and where orphans are deleted, whose own
// source can't ask any more.
func (c *Controller) readsGrants(needs inventory.Needs) bool {
	return len(needs.Grants) > 0 || c.config.CrossNamespace.Orphans == annotations.DeleteUnneeded && c.policy().CrossNamespace != certshim.CrossOff
}

func namespacesResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
}

// readAs is by which a kind of source is read again: the annotations that are copied, and how its
// type is declared.
type readAs struct {
	copied     []string
	definition string
}

// sources are the objects of a kind.
func (c *Controller) sources(kind source.Kind, resource schema.GroupVersionResource) cluster.Resource {
	w := c.resource(resource, resolver.GroupKind(source.GroupKindOf(kind)), c.inventory.Sources(kind))
	w.Key = readAs{copied: c.policy().Registry.CopyKeys(), definition: source.Definition(kind)}
	return w
}

// issuers are those of a kind. They are read again where their type is declared otherwise.
func (c *Controller) issuers(kind resolver.GroupKind, known *resolver.Known, resource schema.GroupVersionResource, scope resolver.Scope) cluster.Resource {
	plugins := c.config.Plugins
	w := c.resource(resource, kind, c.inventory.Issuers(kind, known, plugins.Observes(kind), plugins.ObjectChanged))
	w.Key, w.ClusterScoped, w.Advisory = known.Type, scope == resolver.Cluster, true
	return w
}

// undeclaredIssuers are those of kinds that sources name and nobody declares.
func (c *Controller) undeclaredIssuers(s inventory.Served) []cluster.Resource {
	var custom []*usedKind
	for i := range c.undeclared {
		used := &c.undeclared[i]
		if _, is := s.CustomKind(used.GroupKind); is {
			custom = append(custom, used)
		} else {
			used.watched = false
		}
	}
	var all []cluster.Resource
	for place, used := range inTurn(custom) {
		if used.watched = place < maxUndeclared; used.watched {
			resource, _ := s.CustomKind(used.GroupKind)
			scope, _ := s.Scope(used.GroupKind)
			all = append(all, c.issuers(used.GroupKind, resolver.Undeclared(), resource, scope))
		}
	}
	return all
}

// resource takes the objects of a feed into the inventory, and queues whom they concern.
func (c *Controller) resource(gvr schema.GroupVersionResource, kind resolver.GroupKind, intake inventory.Intake) cluster.Resource {
	return cluster.Resource{
		GVR: gvr, Kind: kind, Paths: intake.Paths, Reader: intake.Read, Transform: packing(intake),
		Handler: cache.ResourceEventHandlerDetailedFuncs{
			AddFunc: func(o any, first bool) {
				wake := intake.Put(o)
				if first {
					wake = inventory.Wake{Later: slices.Concat(wake.Now, wake.Later)}
				}
				c.wake(wake)
			},
			UpdateFunc: func(_, o any) { c.wake(intake.Put(o)) },
			DeleteFunc: func(o any) {
				// An object whose deletion itself was missed comes as it was known last.
				if tombstone, missed := o.(cache.DeletedFinalStateUnknown); missed {
					o = tombstone.Obj
				}
				c.wake(intake.Drop(o))
			},
		},
		Forget: func() { c.wake(intake.Clear()) },
	}
}

// packing makes objects compact. What can't be read is kept as that.
func packing(intake inventory.Intake) cache.TransformFunc {
	return func(o any) (any, error) {
		object, isRaw := o.(*unstructured.Unstructured)
		if !isRaw {
			return o, nil
		}
		if read, isRead := codec.Read(object); isRead {
			return read, nil
		}
		packed, _ := intake.Pack(object)
		return packed, nil
	}
}

// wake queues the sources that must look again. While too little is known to decide, it
// doesn't: all are queued once enough is.
func (c *Controller) wake(wake inventory.Wake) {
	if c.informed.Load() {
		c.queue.soon(wake.Now...)
		c.queue.inLine(wake.Later...)
	}
}

// policy that decisions follow now.
func (c *Controller) policy() *certshim.Policy { return c.inventory.Policy() }
