package source

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is one kind of source. Its methods are pure and safe for concurrent use.
type Kind interface {
	// Resource is where the API server serves it.
	Resource() schema.GroupVersionResource
	// GroupVersionKind is what its objects say of themselves.
	GroupVersionKind() schema.GroupVersionKind
	// Reduce reads what decisions need. A field of a wrong type is an error that names
	// its path: the API server lets none through, a manifest from a file may hold anything.
	Reduce(object *unstructured.Unstructured) (*Object, error)
	// Asks says which Secrets the object asks for, and what is wrong with its entries.
	Asks(object *Object, options Options) Asks
}
