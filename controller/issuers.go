package controller

import (
	"maps"
	"unique"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/resolver"
)

// compactIssuer is an issuer in the cache: where it is, and what resolvers read of it.
type compactIssuer struct {
	compact
	seen resolver.Seen
	// observed is what its plugin sees of it.
	observed string
}

// watchedIssuers keeps the issuers of a kind.
func (c *Controller) watchedIssuers(kind resolver.GroupKind, known *resolver.Known, resource schema.GroupVersionResource, scope resolver.Scope) watched {
	how := c.config.Plugins.Observes(kind)
	return watched{
		resource: resource, made: known.Entry, issuers: kind,
		clusterScoped: scope == resolver.Cluster, advisory: true,
		transform: issuerTransform(known, how),
		handler:   c.issuerHandler(kind),
		forget: func() {
			c.noteWhole()
			c.memory.dropIssuers(kind)
			c.queue.inLine(c.waiting.forIssuersOf(kind)...)
		},
	}
}

func (c *Controller) issuerHandler(kind resolver.GroupKind) cache.ResourceEventHandler {
	keyOf := func(item *compactIssuer) resolver.IssuerKey {
		return resolver.IssuerKey{GroupKind: kind, Namespace: item.namespace.Value(), Name: item.name()}
	}
	changed := func(o any) {
		item := o.(*compactIssuer)
		if c.memory.putIssuer(keyOf(item), item.seen) {
			c.queue.inLine(c.waiting.forIssuer(keyOf(item))...)
		}
		c.seenByPlugins(keyOf(item), item.observed)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, o any) { changed(o) },
		DeleteFunc: func(o any) {
			if item, ok := last[*compactIssuer](o); ok {
				c.memory.dropIssuer(keyOf(item))
				c.seenByPlugins(keyOf(item), "")
				c.queue.inLine(c.waiting.forIssuer(keyOf(item))...)
			}
		},
	}
}

// seenByPlugins hands on what a plugin is to see of an issuer, if that changed.
func (c *Controller) seenByPlugins(key resolver.IssuerKey, observed string) {
	if c.memory.putObserved(key, observed) {
		c.config.Plugins.ObjectChanged(key)
	}
}

// issuerTransform reduces an issuer to what resolvers read.
func issuerTransform(known *resolver.Known, how resolver.Observe) cache.TransformFunc {
	return func(o any) (any, error) {
		object, isRaw := o.(*unstructured.Unstructured)
		if !isRaw {
			return o, nil
		}
		var p packer
		p.text(object.GetName())
		p.text(string(object.GetUID()))
		p.text(object.GetResourceVersion())
		p.number(0)
		return &compactIssuer{
			compact: compact{namespace: unique.Make(object.GetNamespace()), packed: string(p)},
			seen:    known.Read(object.Object), observed: observe(object.Object, how),
		}, nil
	}
}

// noteWhole notes the kinds of which every issuer is in memory; who waited to know of one that
// has become so is looked at again.
func (c *Controller) noteWhole() {
	whole := c.watcher.wholeIssuers()
	before := c.whole.Swap(&whole)
	if before != nil && maps.Equal(*before, whole) {
		return
	}
	c.memory.decided()
	for kind := range whole {
		if before == nil || !(*before)[kind] {
			c.queue.inLine(c.waiting.forIssuersOf(kind)...)
		}
	}
}

// putIssuer remembers an issuer, and says whether anything changed by which decisions go.
func (m *memory) putIssuer(key resolver.IssuerKey, seen resolver.Seen) bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	old, known := m.issuers[key]
	m.issuers[key] = seen
	return !known || old != seen
}

func (m *memory) dropIssuer(key resolver.IssuerKey) {
	m.lock.Lock()
	defer m.lock.Unlock()
	delete(m.issuers, key)
}

// dropIssuers forgets all of a kind.
func (m *memory) dropIssuers(kind resolver.GroupKind) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for key := range m.issuers {
		if key.GroupKind == kind {
			delete(m.issuers, key)
			delete(m.observed, key)
		}
	}
}

// issuersView is a view as what is known of issuers.
type issuersView view

var _ resolver.Issuers = issuersView{}

// Find gives what a plugin says of an issuer, whose existence is the cluster's to tell; or
// what its type says.
func (v issuersView) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	finding, spoken := v.found(key)
	if v.plugins == nil {
		return finding, spoken
	}
	said, plugged := v.plugins.Find(key)
	if !plugged {
		return finding, spoken
	}
	if finding.Existence != resolver.MayExist {
		said.Existence, said.Fault = finding.Existence, finding.Fault
	}
	return said, true
}

// found is what is known from memory.
func (v issuersView) found(key resolver.IssuerKey) (resolver.Finding, bool) {
	known, declared := v.registry.Known(key.GroupKind)
	if _, served := v.cluster.served.Scope(key.GroupKind); !declared && !served {
		return resolver.NotServedFinding(), v.notServed(key.GroupKind)
	}
	if !declared {
		known = resolver.Undeclared()
	}
	if seen, there := v.issuers[key]; there {
		return known.Found(seen), true
	}
	return known.NotFound(v.notServed(key.GroupKind), v.whole[key.GroupKind]), true
}

// notServed says that discovery, complete for the group, doesn't have the kind.
func (v issuersView) notServed(kind resolver.GroupKind) bool {
	if _, served := v.cluster.served.Scope(kind); served || len(v.cluster.served.resources) == 0 {
		return false
	}
	for version := range v.cluster.served.unknown {
		if version.Group == kind.Group {
			return false
		}
	}
	return true
}

// Names of the issuers of a kind, in a namespace, or of the cluster where it is empty.
func (v issuersView) Names(kind resolver.GroupKind, namespace string) []string {
	return resolver.NamesOf(v.issuers, kind, namespace)
}
