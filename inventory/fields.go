package inventory

import (
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Fields are the paths of all fields that a CRD's schema has. Two of them can be compared by
// [maps.Equal]; nil means that they can't be known.
type Fields map[string]bool

// Has says whether there is a field of that path. It is true where that can't be known, and
// for those of metadata, which no schema lists.
func (f Fields) Has(path string) bool {
	return f == nil || f[path] || strings.HasPrefix(path, "metadata.")
}

// SchemaFields reads the schema of one version of a CRD. It is nil for a version that isn't
// there or has none.
func SchemaFields(crd map[string]any, version string) Fields {
	versions, _, _ := unstructured.NestedFieldNoCopy(crd, "spec", "versions")
	items, _ := versions.([]any)
	for _, item := range items {
		v, _ := item.(map[string]any)
		if v["name"] != version {
			continue
		}
		schema, _, _ := unstructured.NestedFieldNoCopy(v, "schema", "openAPIV3Schema")
		fields := Fields{}
		fields.add("", schema)
		if len(fields) > 0 {
			return fields
		}
	}
	return nil
}

// add adds the properties of a schema, and of theirs.
func (f Fields) add(prefix string, schema any) {
	object, _ := schema.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	for name, property := range properties {
		f[prefix+name] = true
		f.add(prefix+name+".", property)
	}
}

// fieldSet is some of the fields that decisions ask for: few, and mostly the same ones.
type fieldSet uint64

// fieldNumbers gives each field that was ever asked for a bit of a fieldSet.
type fieldNumbers struct {
	lock sync.RWMutex
	bits map[string]fieldSet
}

// of gives the bit of a field. Beyond 63 fields, which no Certificate has, the rest share one.
func (n *fieldNumbers) of(path string) fieldSet {
	n.lock.RLock()
	bit, known := n.bits[path]
	n.lock.RUnlock()
	if known {
		return bit
	}
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.bits == nil {
		n.bits = map[string]fieldSet{}
	}
	if n.bits[path] == 0 {
		n.bits[path] = 1 << min(len(n.bits), 63)
	}
	return n.bits[path]
}

// served are the fields that a CRD has, of those that were ever asked for.
func (n *fieldNumbers) served(fields Fields) fieldSet {
	n.lock.RLock()
	defer n.lock.RUnlock()
	var served fieldSet
	for path, bit := range n.bits {
		if fields.Has(path) {
			served |= bit
		}
	}
	return served
}
