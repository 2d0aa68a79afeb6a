package controller

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// clusterFacts is what the API server said of itself: a snapshot, replaced as a whole.
type clusterFacts struct {
	served served
	// fields of the served Certificate CRD; nil where it can't be read.
	fields certificate.Fields
}

// served is the outcome of a discovery.
type served struct {
	resources map[schema.GroupVersionResource]bool
	scopes    map[resolver.GroupKind]resolver.Scope
	groups    map[string][]string
	issuers   []resolver.GroupKind
	// preferred has the resource of a kind in the version that its group prefers.
	preferred map[resolver.GroupKind]schema.GroupVersionResource
	// custom are the resources that CRDs make; nil while that can't be known.
	custom map[schema.GroupResource]bool
	// unknown are the group versions that could not be asked.
	unknown map[schema.GroupVersion]error
}

var _ resolver.Served = served{}

// Scope of a served kind, and whether it is served at all.
func (s served) Scope(kind resolver.GroupKind) (resolver.Scope, bool) {
	scope, found := s.scopes[kind]
	return scope, found
}

// Groups that serve a kind of this name, sorted.
func (s served) Groups(kind string) []string { return s.groups[kind] }

// Issuers are the served kinds whose name ends in Issuer.
func (s served) Issuers() []resolver.GroupKind { return s.issuers }

// readDiscovery sorts out the lists that discovery gives.
func readDiscovery(lists []*metav1.APIResourceList, unknown map[schema.GroupVersion]error) served {
	s := served{
		resources: map[schema.GroupVersionResource]bool{},
		scopes:    map[resolver.GroupKind]resolver.Scope{},
		groups:    map[string][]string{},
		preferred: map[resolver.GroupKind]schema.GroupVersionResource{},
		unknown:   unknown,
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "watch") {
				s.add(version, resource)
			}
		}
	}
	for kind := range s.groups {
		slices.Sort(s.groups[kind])
	}
	s.issuers = resolver.CalledIssuers(maps.Keys(s.scopes))
	return s
}

func (s served) add(version schema.GroupVersion, resource metav1.APIResource) {
	s.resources[version.WithResource(resource.Name)] = true
	kind := resolver.GroupKind{Group: version.Group, Kind: resource.Kind}
	if _, known := s.scopes[kind]; !known {
		s.preferred[kind] = version.WithResource(resource.Name)
		s.groups[kind.Kind] = append(s.groups[kind.Kind], kind.Group)
	}
	s.scopes[kind] = resolver.Cluster
	if resource.Namespaced {
		s.scopes[kind] = resolver.Namespaced
	}
}

// issuersOf gives the resource of a declared kind: in the first of its versions that is
// served, else in another, as note says.
func (s served) issuersOf(known resolver.Known) (resource schema.GroupVersionResource, note string, found bool) {
	if resource, found = known.ServedResource(s.resources); found {
		return resource, "", true
	}
	if resource, found = s.preferred[known.GroupKind]; !found {
		return resource, "", false
	}
	return resource, "no version that its issuer type lists is served, so that another is read", true
}

// customKind gives the resource of a kind that a CRD makes. Where CRDs can't be read, its
// group tells.
func (s served) customKind(kind resolver.GroupKind) (schema.GroupVersionResource, bool) {
	resource, found := s.preferred[kind]
	known := s.custom == nil || s.custom[resource.GroupResource()]
	return resource, found && known && resolver.CustomGroup(kind.Group)
}

// schemaFields reads which fields a CRD's served version has: every path of its schema.
// It is nil, which means all, for a CRD without one.
func schemaFields(crd map[string]any, version string) certificate.Fields {
	paths := map[string]bool{}
	for _, item := range list(crd, "spec", "versions") {
		v, _ := item.(map[string]any)
		if v["name"] == version {
			addPaths(paths, "", dig(v, "schema", "openAPIV3Schema"))
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return func(path string) bool { return paths[path] || strings.HasPrefix(path, "metadata.") }
}

func addPaths(paths map[string]bool, prefix string, schema map[string]any) {
	for name, property := range dig(schema, "properties") {
		paths[prefix+name] = true
		if inner, isMap := property.(map[string]any); isMap {
			addPaths(paths, prefix+name+".", inner)
		}
	}
}

// dig follows keys into nested maps; it gives nil where there is none.
func dig(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	return m
}

func list(m map[string]any, keys ...string) []any {
	items, _ := dig(m, keys[:len(keys)-1]...)[keys[len(keys)-1]].([]any)
	return items
}
