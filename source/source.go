package source

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is one kind of source. Its methods are pure and safe for concurrent use.
type Kind interface {
	// Resources are where API servers serve it, the preferred version first.
	Resources() []schema.GroupVersionResource
	// GroupVersionKind is what its objects say of themselves.
	GroupVersionKind() schema.GroupVersionKind
	// InsteadOf is the kind in whose place this one is read, where that isn't served; false for none.
	InsteadOf() (GroupKind, bool)
	// Reads are the paths of an object that Reduce reads, besides its identity.
	Reads() []string
	// Switches are the operator's options that must all be on for the kind to be read.
	Switches() []Switch
	// Reduce reads what decisions need. A field of a wrong type is an error that names
	// its path: the API server lets none through, a manifest from a file may hold anything.
	Reduce(object *unstructured.Unstructured) (*Object, error)
	// Asks says which Secrets the object asks for, and what is wrong with its entries.
	Asks(object *Object, options Options) Asks

	// CrossesNamespaces says whether objects may ask for Secrets of other namespaces, if they are granted.
	CrossesNamespaces() bool

	// HasRoutes says whether routes of the Gateway API attach to its objects.
	HasRoutes() bool

	// Mentions says whether a whole object may name a Secret in a way that Asks doesn't know. Then
	// nothing of that name is deleted.
	Mentions(object *unstructured.Unstructured, secret string) bool

	// Shim is the field manager of cert-manager's shim for the kind, "" if there is none.
	Shim() string

	// Outlived says whether the Certificates of its objects outlive them where neither an
	// annotation nor the operator says anything: they get no owner reference, so that they stay when
	// the kind is removed.
	Outlived() bool

	// Parent names the object that has to admit this one, and whose issuer it inherits;
	// nil for a kind without parents. wrong says why the reference can't be followed.
	Parent(object *Object) (parent *Parent, wrong string)
	// Refused says why the parent doesn't admit the object. namespaceLabels gives the labels
	// of the object's namespace, false where they can't be known; it is called only for a
	// parent that selects namespaces by their labels. Of the object, only the reference counts.
	Refused(object, parent *Object, namespaceLabels func() (map[string]string, bool)) Refusal

	// Joins names the kind of the objects whose listeners those of its own objects are added to: its own
	// kind for a Gateway, that of its parents for a ListenerSet. It is false for a kind without listeners.
	Joins() (GroupKind, bool)
	// Slots are those that the listeners of an object take.
	Slots(object *Object) []Slot

	// SolverIngress names the Ingress that an ACME solver may edit in place, "" for none.
	SolverIngress(object *Object) string
	// SolverParent is what the HTTPRoute of an ACME solver attaches to, nil for none. With
	// fallback it is the object's own parent, where there is one.
	SolverParent(object *Object, fallback bool) *Parent
}

// Switch is an option of the operator that turns kinds on and off.
type Switch string

// The switches.
const (
	SwitchGatewayAPI   Switch = "gateway-api"
	SwitchListenerSets Switch = "listener-sets"
)

// Refusal says why a parent doesn't admit an object. Its zero value means that it does.
type Refusal struct {
	Why string
	// Unknown is set where it can't be known whether the parent admits the object.
	Unknown bool
}

// standalone is what kinds have in common that need no other object.
type standalone struct{}

func (standalone) InsteadOf() (GroupKind, bool) { return GroupKind{}, false }

func (standalone) Switches() []Switch { return nil }

func (standalone) CrossesNamespaces() bool { return false }

func (standalone) HasRoutes() bool { return false }

func (standalone) Mentions(*unstructured.Unstructured, string) bool { return false }

func (standalone) Shim() string { return "" }

func (standalone) Outlived() bool { return false }

func (standalone) Parent(*Object) (*Parent, string) { return nil, "" }

func (standalone) Refused(*Object, *Object, func() (map[string]string, bool)) Refusal {
	return Refusal{}
}

func (standalone) Joins() (GroupKind, bool) { return GroupKind{}, false }

func (standalone) Slots(*Object) []Slot { return nil }

func (standalone) SolverIngress(*Object) string { return "" }

func (standalone) SolverParent(*Object, bool) *Parent { return nil }
