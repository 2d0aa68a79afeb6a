package routes

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/source"
)

// The kinds of routes whose hostnames count, all of the group [source.GatewayGroup].
const (
	HTTPRoute = "HTTPRoute"
	GRPCRoute = "GRPCRoute"
	TLSRoute  = "TLSRoute"
)

// Kinds are all of them.
func Kinds() []string { return []string{HTTPRoute, GRPCRoute, TLSRoute} }

// Resource is where API servers serve a kind of routes.
func Resource(kind string) schema.GroupVersionResource {
	resources := map[string]string{HTTPRoute: "httproutes", GRPCRoute: "grpcroutes", TLSRoute: "tlsroutes"}
	return schema.GroupVersionResource{Group: source.GatewayGroup, Version: "v1", Resource: resources[kind]}
}

// Route is what counts of a route.
type Route struct {
	Kind, Namespace, Name string
	Created               time.Time
	// Hostnames are as they are written; none means that the listeners' count.
	Hostnames []string
	// Parents are what it wants to attach to; none for a route that is being deleted, and for one of an
	// ACME solver, which has the name that is being proved.
	Parents []Parent
	// Edited is set if it was written since somebody looked, so that it may bring other names than before.
	Edited bool
}

// Parent is one of spec.parentRefs, with the defaults of the API filled in.
type Parent struct {
	Kind            source.GroupKind
	Namespace, Name string
	// Section and Port are those of listeners; "" and 0 for all.
	Section string
	Port    int64
	// Refused is set if everybody who reports a status for this parent refuses the route as it is now.
	Refused bool
}

// solverLabel is on the routes that cert-manager makes for HTTP-01 challenges.
const solverLabel = "acme.cert-manager.io/http01-solver"

// Reads are the paths of a route that [Reduce] reads.
func Reads() []string {
	return []string{
		"metadata.labels", "metadata.creationTimestamp", "metadata.deletionTimestamp", "metadata.generation",
		"spec.parentRefs", "spec.hostnames",
		"status.parents.parentRef", "status.parents.conditions.type", "status.parents.conditions.status", "status.parents.conditions.observedGeneration",
	}
}

// Bounds on what is read of one route, beyond those of the API.
const (
	maxParents   = 32
	maxHostnames = 1024
)

// Reduce reads a route. What has a wrong type is left out: the API server lets none through, and a route
// isn't certshim's to judge.
func Reduce(kind string, object *unstructured.Unstructured) Route {
	r := Route{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName(), Created: object.GetCreationTimestamp().UTC()}
	if object.GetDeletionTimestamp() != nil || object.GetLabels()[solverLabel] == "true" {
		return r
	}
	spec := mapping(object.Object["spec"])
	for _, item := range list(spec["hostnames"], maxHostnames) {
		if text, isText := item.(string); isText && text != "" {
			r.Hostnames = append(r.Hostnames, text)
		}
	}
	said := list(mapping(object.Object["status"])["parents"], maxParents)
	for _, item := range list(spec["parentRefs"], maxParents) {
		p := parent(mapping(item), r.Namespace)
		p.Refused = isRefused(p, said, r.Namespace, object.GetGeneration())
		r.Parents = append(r.Parents, p)
	}
	return r
}

func parent(ref map[string]any, namespace string) Parent {
	return Parent{
		Kind:      source.GroupKind{Group: text(ref["group"], source.GatewayGroup), Kind: text(ref["kind"], source.GatewayKind)},
		Namespace: text(ref["namespace"], namespace),
		Name:      text(ref["name"], ""), Section: text(ref["sectionName"], ""), Port: number(ref["port"]),
	}
}

// isRefused reports whether all that was said about a parentRef refuses the route of this generation.
// Which of several controllers is the parent's isn't known.
func isRefused(p Parent, said []any, namespace string, generation int64) bool {
	refused := false
	for _, item := range said {
		entry := mapping(item)
		if parent(mapping(entry["parentRef"]), namespace) != p {
			continue
		}
		if !refuses(list(entry["conditions"], maxParents), generation) {
			return false
		}
		refused = true
	}
	return refused
}

func refuses(conditions []any, generation int64) bool {
	for _, item := range conditions {
		condition := mapping(item)
		if text(condition["type"], "") == "Accepted" {
			return text(condition["status"], "") == "False" && number(condition["observedGeneration"]) == generation
		}
	}
	return false
}

func mapping(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func list(value any, most int) []any {
	items, _ := value.([]any)
	return items[:min(len(items), most)]
}

func text(value any, absent string) string {
	if s, isText := value.(string); isText {
		return s
	}
	return absent
}

func number(value any) int64 {
	switch n := value.(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}
