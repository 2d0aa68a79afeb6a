package app

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/resolver"
)

// kinds are what a cluster serves, as far as the input or discovery tells.
type kinds struct {
	scopes map[resolver.GroupKind]resolver.Scope
	groups map[string][]string
	// resources of the kinds of a cluster, in the version that their group prefers.
	resources map[resolver.GroupKind]schema.GroupVersionResource
}

// Scope of a served kind, and whether it is served at all.
func (k kinds) Scope(kind resolver.GroupKind) (resolver.Scope, bool) {
	scope, found := k.scopes[kind]
	return scope, found
}

// Groups that serve a kind of this name, sorted.
func (k kinds) Groups(kind string) []string { return k.groups[kind] }

// Issuers are the served kinds whose name ends in Issuer.
func (k kinds) Issuers() []resolver.GroupKind { return resolver.CalledIssuers(maps.Keys(k.scopes)) }

func newKinds() kinds {
	return kinds{
		scopes: map[resolver.GroupKind]resolver.Scope{}, groups: map[string][]string{},
		resources: map[resolver.GroupKind]schema.GroupVersionResource{},
	}
}

// add notes a kind; a scope that is known already stays.
func (k kinds) add(kind resolver.GroupKind, scope resolver.Scope) {
	known, found := k.scopes[kind]
	if !found {
		k.groups[kind.Kind] = append(k.groups[kind.Kind], kind.Group)
		slices.Sort(k.groups[kind.Kind])
	}
	if !found || known == resolver.ScopeUnknown {
		k.scopes[kind] = scope
	}
}

// addDefinition notes the kind that a CustomResourceDefinition makes.
func (k kinds) addDefinition(crd map[string]any) {
	group, _, _ := unstructured.NestedString(crd, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd, "spec", "names", "kind")
	scope, _, _ := unstructured.NestedString(crd, "spec", "scope")
	if group == "" || kind == "" {
		return
	}
	k.add(resolver.GroupKind{Group: group, Kind: kind}, resolver.Scope(scope))
}
