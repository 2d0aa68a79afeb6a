package inventory

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Facts are what an API server says of itself.
type Facts struct {
	Served Served
	// Fields of the served Certificate CRD; nil where it can't be read.
	Fields Fields
	// Unanswered are the versions of groups that could not be asked what they serve, and why.
	Unanswered map[schema.GroupVersion]error
}

// Served is what an API server serves and can be watched: the outcome of one discovery. Its
// zero value is that of a discovery that has not taken place.
type Served struct {
	resources map[schema.GroupVersionResource]bool
	scopes    map[resolver.GroupKind]resolver.Scope
	groups    map[string][]string
	issuers   []resolver.GroupKind
	// preferred has the resource of a kind in the version that its group prefers.
	preferred map[resolver.GroupKind]schema.GroupVersionResource
	// custom are the resources that CRDs define; nil while that can't be known.
	custom map[schema.GroupResource]bool
	// unknown are the groups of which a version could not be asked.
	unknown map[string]bool
}

var _ resolver.Served = Served{}

// ReadDiscovery reads the lists that discovery gives: of a group's versions the preferred one
// comes first. Group versions that could not be asked
// are unknown, with all of their group. Custom are the resources that CRDs define; nil means
// that CRDs can't be read.
func ReadDiscovery(lists []*metav1.APIResourceList, unknown map[schema.GroupVersion]error, custom map[schema.GroupResource]bool) Served {
	s := Served{
		resources: map[schema.GroupVersionResource]bool{},
		scopes:    map[resolver.GroupKind]resolver.Scope{},
		groups:    map[string][]string{},
		preferred: map[resolver.GroupKind]schema.GroupVersionResource{},
		custom:    custom,
		unknown:   map[string]bool{},
	}
	for version := range unknown {
		s.unknown[version.Group] = true
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
	s.sort()
	return s
}

// ReadDefinitions reads CRDs among documents: the kinds that they define are served. What else
// is served can't be known.
func ReadDefinitions(crds []map[string]any) Facts {
	s := Served{scopes: map[resolver.GroupKind]resolver.Scope{}, groups: map[string][]string{}}
	var fields Fields
	for _, crd := range crds {
		group, _, _ := unstructured.NestedString(crd, "spec", "group")
		named, _, _ := unstructured.NestedString(crd, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(crd, "spec", "scope")
		kind := resolver.GroupKind{Group: group, Kind: named}
		if group == "" || named == "" {
			continue
		}
		if _, twice := s.scopes[kind]; !twice {
			s.groups[named] = append(s.groups[named], group)
		}
		s.scopes[kind] = resolver.Scope(scope)
		if kind == CertificateKind() {
			fields = SchemaFields(crd, certificate.Resource().Version)
		}
	}
	s.sort()
	return Facts{Served: s, Fields: fields}
}

// sort puts what was added in order.
func (s *Served) sort() {
	for kind := range s.groups {
		slices.Sort(s.groups[kind])
	}
	s.issuers = resolver.CalledIssuers(maps.Keys(s.scopes))
}

func (s Served) add(version schema.GroupVersion, resource metav1.APIResource) {
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

// Scope of a served kind, and whether it is served at all.
func (s Served) Scope(kind resolver.GroupKind) (resolver.Scope, bool) {
	scope, found := s.scopes[kind]
	return scope, found
}

// Groups that serve a kind of this name, sorted.
func (s Served) Groups(kind string) []string { return s.groups[kind] }

// Issuers are the served kinds whose name ends in Issuer.
func (s Served) Issuers() []resolver.GroupKind { return s.issuers }

// Has says whether a resource is served in that version.
func (s Served) Has(resource schema.GroupVersionResource) bool { return s.resources[resource] }

// Unknown says whether it can't be known what a group serves.
func (s Served) Unknown(group string) bool { return len(s.resources) == 0 || s.unknown[group] }

// Lacks says that a kind is certainly not served.
func (s Served) Lacks(kind resolver.GroupKind) bool {
	return !s.serves(kind) && !s.Unknown(kind.Group)
}

// IssuersOf gives the resource of a declared kind: in the first of its versions that is
// served, else in another, and then a note that says so.
func (s Served) IssuersOf(known resolver.Known) (resource schema.GroupVersionResource, note string, found bool) {
	if resource, found = known.ServedResource(s.resources); found {
		return resource, "", true
	}
	if resource, found = s.preferred[known.GroupKind]; !found {
		return resource, "", false
	}
	return resource, "no version that its issuer type lists is served, so that another is read", true
}

// SourcesOf gives the resource of a kind of source in the first of its versions that is served, if no other
// kind is read in its place.
func (s Served) SourcesOf(kind source.Kind) (resource schema.GroupVersionResource, found bool) {
	if other, is := kind.InsteadOf(); is && !s.Lacks(resolver.GroupKind(other)) {
		return schema.GroupVersionResource{}, false
	}
	for _, resource := range kind.Resources() {
		if s.resources[resource] {
			return resource, true
		}
	}
	return schema.GroupVersionResource{}, false
}

// LacksSourcesOf reports whether it is known that no sources of a kind are to be read: it isn't served, or
// the kind in whose place it is read is.
func (s Served) LacksSourcesOf(kind source.Kind) bool {
	if other, is := kind.InsteadOf(); is && s.serves(resolver.GroupKind(other)) {
		return true
	}
	return s.Lacks(resolver.GroupKind(source.GroupKindOf(kind)))
}

func (s Served) serves(kind resolver.GroupKind) bool {
	_, served := s.scopes[kind]
	return served
}

// Grants gives the resource of ReferenceGrants in the first of its versions that is served.
func (s Served) Grants() (resource schema.GroupVersionResource, found bool) {
	for _, resource := range source.GrantResources() {
		if s.resources[resource] {
			return resource, true
		}
	}
	return schema.GroupVersionResource{}, false
}

// CustomKind gives the resource of a kind that a CRD defines. Where CRDs can't be read, the
// kind's group decides.
func (s Served) CustomKind(kind resolver.GroupKind) (schema.GroupVersionResource, bool) {
	resource, found := s.preferred[kind]
	known := s.custom == nil || s.custom[resource.GroupResource()]
	return resource, found && known && resolver.CustomGroup(kind.Group)
}
