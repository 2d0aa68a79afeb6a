package source

import (
	"cmp"
	"slices"
	"strings"
)

// The groups and kinds that are written in Go.
const (
	IngressGroup    = "networking.k8s.io"
	IngressKind     = "Ingress"
	GatewayGroup    = "gateway.networking.k8s.io"
	GatewayKind     = "Gateway"
	ListenerSetKind = "ListenerSet"

	experimentalGroup   = "gateway.networking.x-k8s.io"
	experimentalSetKind = "XListenerSet"
)

// GroupKind names a kind of source, whatever its version.
type GroupKind struct{ Group, Kind string }

// GroupKind is the kind of the object that a reference names.
func (r Ref) GroupKind() GroupKind { return GroupKind{Group: r.Group, Kind: r.Kind} }

// Kinds is a fixed set of source kinds. The zero value is empty. It is safe for
// concurrent use.
type Kinds struct {
	all    []Kind
	byName map[GroupKind]Kind
}

// NewKinds makes a set that keeps the order of its kinds.
func NewKinds(kinds ...Kind) Kinds {
	set := Kinds{all: kinds, byName: make(map[GroupKind]Kind, len(kinds))}
	for _, kind := range kinds {
		set.byName[GroupKindOf(kind)] = kind
	}
	return set
}

// Builtin is the set of kinds that are written in Go.
func Builtin() Kinds { return NewKinds(ingress{}, gateway{}, listenerSet{}, experimentalSet{}) }

// GroupKindOf is how a kind is named, whatever the version.
func GroupKindOf(kind Kind) GroupKind {
	gvk := kind.GroupVersionKind()
	return GroupKind{Group: gvk.Group, Kind: gvk.Kind}
}

// Without gives the kinds that none of these switches turns off.
func (k Kinds) Without(off ...Switch) Kinds {
	return NewKinds(slices.DeleteFunc(slices.Clone(k.all), func(kind Kind) bool {
		return slices.ContainsFunc(kind.Switches(), func(s Switch) bool { return slices.Contains(off, s) })
	})...)
}

// All lists the kinds. The caller must not change the list.
func (k Kinds) All() []Kind { return k.all }

// Types are those of the kinds that are declared.
func (k Kinds) Types() []Type {
	var types []Type
	for _, kind := range k.all {
		if t, is := TypeOf(kind); is {
			types = append(types, t)
		}
	}
	return types
}

// Lookup finds a kind by what an object says of itself, whatever its version.
func (k Kinds) Lookup(group, kind string) (Kind, bool) {
	found, known := k.byName[GroupKind{Group: group, Kind: kind}]
	return found, known
}

// NamedIn says whether a list of kinds names this one: by its kind alone, or as Kind.group
// where several groups have the kind.
func (k GroupKind) NamedIn(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		kind, group, qualified := strings.Cut(name, ".")
		return kind == k.Kind && (!qualified || group == k.Group)
	})
}

// CompareAge orders sources by which keeps a Secret that several ask for while it has no
// Certificate: the older one, and among equals the smaller by group, kind, namespace and name.
func CompareAge(a, b *Object) int {
	return cmp.Or(
		a.Created.Compare(b.Created),
		cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}
