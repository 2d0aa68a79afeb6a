package app

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/resolver"
)

// issuers are those of the input or the cluster.
type issuers struct {
	seen map[resolver.IssuerKey]resolver.Seen
	// whole are the kinds of which all issuers are known, missing those that the cluster
	// doesn't serve; none in files.
	whole, missing map[resolver.GroupKind]bool
	// undeclared are kinds whose objects are issuers though no type says so.
	undeclared map[resolver.GroupKind]bool
	// served are the kinds that a cluster serves; nil for files.
	served resolver.Served
}

func newIssuers() issuers {
	return issuers{
		seen:  map[resolver.IssuerKey]resolver.Seen{},
		whole: map[resolver.GroupKind]bool{}, missing: map[resolver.GroupKind]bool{},
		undeclared: map[resolver.GroupKind]bool{},
	}
}

// addIssuer takes an issuer in; it is false for an object that is none.
func (i *inventory) addIssuer(object *unstructured.Unstructured) bool {
	if i.registry == nil {
		return false
	}
	gk := object.GroupVersionKind().GroupKind()
	kind := resolver.GroupKind{Group: gk.Group, Kind: gk.Kind}
	known, scope, is := i.issuersOf(kind)
	if !is {
		return false
	}
	i.served.add(kind, resolver.ScopeUnknown)
	key := resolver.IssuerKey{GroupKind: kind, Name: object.GetName()}
	if scope != resolver.Cluster {
		if key.Namespace = object.GetNamespace(); key.Namespace == "" {
			key.Namespace = i.namespace
		}
	}
	i.issuers.seen[key] = known.Read(object.Object)
	return true
}

// issuersOf says how issuers of a kind are read, and where they are; it is false for a kind
// that is none of issuers.
func (i *inventory) issuersOf(kind resolver.GroupKind) (*resolver.Known, resolver.Scope, bool) {
	if known, declared := i.registry.Known(kind); declared {
		return known, known.Scope, true
	}
	return resolver.Undeclared(), i.served.scopes[kind], i.issuers.undeclared[kind]
}

// Issuers of the input or the cluster.
func (i *inventory) Issuers() resolver.Issuers { return knownIssuers{i.registry, i.issuers} }

// knownIssuers says what is known of them.
type knownIssuers struct {
	registry *resolver.Registry
	issuers
}

// Find gives what an issuer's type says of it. In files, one that isn't there may exist all
// the same.
func (k knownIssuers) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	if k.registry == nil {
		return resolver.Finding{}, false
	}
	known, declared := k.registry.Known(key.GroupKind)
	if !declared && (k.served == nil || k.notServed(key.GroupKind)) {
		return resolver.NotServedFinding(), k.served != nil
	}
	if !declared {
		known = resolver.Undeclared()
	}
	if seen, there := k.seen[key]; there {
		return known.Found(seen), true
	}
	return known.NotFound(k.missing[key.GroupKind], k.whole[key.GroupKind]), true
}

func (k knownIssuers) notServed(kind resolver.GroupKind) bool {
	if k.served == nil {
		return false
	}
	_, served := k.served.Scope(kind)
	return !served
}

// Names of the issuers of a kind, in a namespace, or of the cluster where it is empty.
func (k knownIssuers) Names(kind resolver.GroupKind, namespace string) []string {
	return resolver.NamesOf(k.seen, kind, namespace)
}
