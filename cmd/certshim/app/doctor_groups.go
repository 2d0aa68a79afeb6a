package app

import (
	"cmp"
	"context"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// groups finds the API groups that don't answer: those that can't be asked what they serve, and those whose server isn't available.
func (e *examination) groups(ctx context.Context) doctor.Read[[]doctor.Group] {
	down, err := e.unavailable(ctx)
	read := known[[]doctor.Group](nil, err)
	kinds := e.readKinds()
	for _, group := range slices.Sorted(maps.Keys(kinds)) {
		silent := map[schema.GroupVersion]string{}
		for version, err := range e.reading.unanswered {
			silent[version] = cmp.Or(down[version], err.Error())
		}
		maps.Copy(silent, down)
		maps.DeleteFunc(silent, func(version schema.GroupVersion, _ string) bool { return version.Group != group })
		if len(silent) > 0 {
			read.Value = append(read.Value, silentGroup(silent, kinds[group]))
		}
	}
	return read
}

// silentGroup is a group with versions that don't answer, by why they don't.
func silentGroup(silent map[schema.GroupVersion]string, kinds []readKind) (g doctor.Group) {
	versions := slices.SortedFunc(maps.Keys(silent), func(a, b schema.GroupVersion) int { return cmp.Compare(a.String(), b.String()) })
	g.Why = silent[versions[0]]
	for _, version := range versions {
		g.Versions = append(g.Versions, version.String())
	}
	for _, kind := range kinds {
		_, isSilent := silent[kind.resource.GroupVersion()]
		if lost := isSilent || !kind.served; lost {
			g.Kinds = append(g.Kinds, kind.Kind)
			g.HasCertificates = g.HasCertificates || kind.GroupKind == inventory.CertificateKind()
		}
	}
	return g
}

// readKind is a kind of which certshim reads objects, and the resource by which it does, if it is served.
type readKind struct {
	resolver.GroupKind
	resource schema.GroupVersionResource
	served   bool
}

// readKinds are those by the configuration, each once, by their groups.
func (e *examination) readKinds() map[string][]readKind {
	kinds, served := map[string][]readKind{}, e.reading.served
	add := func(kind resolver.GroupKind, resource schema.GroupVersionResource, served bool) {
		kinds[kind.Group] = append(kinds[kind.Group], readKind{kind, resource, served})
	}
	add(inventory.CertificateKind(), certificate.Resource(), served.Has(certificate.Resource()))
	for _, kind := range e.plan.policy.Kinds.All() {
		resource, is := served.SourcesOf(kind)
		add(resolver.GroupKind(source.GroupKindOf(kind)), resource, is || served.LacksSourcesOf(kind))
	}
	for _, issuers := range e.plan.policy.Registry.Kinds() {
		resource, _, is := served.IssuersOf(issuers)
		add(issuers.GroupKind, resource, is)
	}
	if e.plan.configuration.CrossNamespace.Mode != certshim.CrossOff {
		resource, is := served.Grants()
		add(inventory.GrantKind(), resource, is)
	}
	for _, kind := range e.plan.policy.Routes.Reads() {
		add(inventory.RouteKind(kind), routes.Resource(kind), served.Has(routes.Resource(kind)))
	}
	return kinds
}

// unavailable are the group versions whose APIService says that its server isn't available, and why.
func (e *examination) unavailable(ctx context.Context) (map[schema.GroupVersion]string, error) {
	resource := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	items, err := e.list(ctx, resource, "", metav1.ListOptions{})
	down := map[schema.GroupVersion]string{}
	for _, item := range items {
		group, _, _ := unstructured.NestedString(item.Object, "spec", "group")
		version, _, _ := unstructured.NestedString(item.Object, "spec", "version")
		if why := whyUnavailable(item); why != "" {
			down[schema.GroupVersion{Group: group, Version: version}] = why
		}
	}
	return down, err
}

// whyUnavailable is the message of an APIService whose condition Available isn't true; empty for any other, and for one of which nothing is
// said yet.
func whyUnavailable(service unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(service.Object, "status", "conditions")
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if condition["type"] == "Available" && condition["status"] != "True" {
			return cmp.Or(text(condition["message"]), text(condition["reason"]), "it isn't available")
		}
	}
	return ""
}
