package inventory

import (
	"cmp"
	"strings"
	"unique"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/source"
)

// Key names a source: its kind, whatever the version, and where it is. It is comparable, and
// two keys of the same source are equal however they were made.
type Key struct {
	kind      unique.Handle[source.GroupKind]
	namespace unique.Handle[string]
	name      string
}

// KeyOf is the key of the source that a reference names.
func KeyOf(ref source.Ref) Key {
	return NewKey(source.GroupKind{Group: ref.Group, Kind: ref.Kind}, ref.Namespace, ref.Name)
}

// NewKey is the key of a source of a kind. It keeps nothing else alive: names are often part of
// an object's packed string, and keys wait in queues while objects change.
func NewKey(kind source.GroupKind, namespace, name string) Key {
	return Key{kind: unique.Make(kind), namespace: unique.Make(namespace), name: strings.Clone(name)}
}

// Kind of the source.
func (k Key) Kind() source.GroupKind { return k.kind.Value() }

// Namespace of the source.
func (k Key) Namespace() string {
	if k.namespace == (unique.Handle[string]{}) {
		return ""
	}
	return k.namespace.Value()
}

// Name of the source.
func (k Key) Name() string { return k.name }

// name is where a Secret or a Certificate is.
type name struct {
	namespace unique.Handle[string]
	name      string
}

func (n name) compare(other name) int {
	if n.namespace != other.namespace {
		return cmp.Compare(n.namespace.Value(), other.namespace.Value())
	}
	return cmp.Compare(n.name, other.name)
}

// full is the name as others know it. It keeps nothing else alive.
func (n name) full() types.NamespacedName {
	return types.NamespacedName{Namespace: n.namespace.Value(), Name: strings.Clone(n.name)}
}

func nameOf(namespace, object string) name { return name{unique.Make(namespace), object} }
