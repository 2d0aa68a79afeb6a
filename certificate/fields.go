package certificate

import (
	"bytes"
	"encoding/json"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// Paths with a special meaning below. They are never changed.
var (
	pathStatus     = fieldpath.MakePathOrDie("status")
	pathOwners     = fieldpath.MakePathOrDie("metadata", "ownerReferences")
	pathFinalizers = fieldpath.MakePathOrDie("metadata", "finalizers")
	pathSpec       = fieldpath.MakePathOrDie("spec")
	pathSecretName = fieldpath.MakePathOrDie("spec", "secretName")
	pathIssuerRef  = fieldpath.MakePathOrDie("spec", "issuerRef")
	pathPrivateKey = fieldpath.MakePathOrDie("spec", "privateKey")

	pathAlgorithm = fieldpath.MakePathOrDie("spec", "privateKey", "algorithm")
	pathKeySize   = fieldpath.MakePathOrDie("spec", "privateKey", "size")

	pathFromResolver = annotationPath(FromResolver)
	pathTie          = annotationPath(TieKey)
	pathRespected    = annotationPath(RespectedKey)
)

func annotationPath(key string) fieldpath.Path {
	return fieldpath.MakePathOrDie("metadata", "annotations", key)
}

// child returns the path of an element below another.
func child(at fieldpath.Path, element fieldpath.PathElement) fieldpath.Path {
	return append(slices.Clip(at), element)
}

// within reports whether path equals other or lies below it.
func within(path, other fieldpath.Path) bool {
	return len(path) >= len(other) && path[:len(other)].Equals(other)
}

// isItem reports whether an element names a list item rather than a field.
func isItem(element fieldpath.PathElement) bool { return element.FieldName == nil }

// where returns the part of a set for which keep holds.
func where(set *fieldpath.Set, keep func(fieldpath.Path) bool) *fieldpath.Set {
	kept := fieldpath.NewSet()
	for path := range set.All() {
		if keep(path) {
			kept.Insert(path)
		}
	}
	return kept
}

// parseFields reads a fieldsV1. Paths into lists of the spec are cut to the list, since those
// lists are atomic. Like the API server, it skips elements that it can't read.
func parseFields(fields any) *fieldpath.Set {
	text, err := json.Marshal(fields)
	if err != nil {
		return fieldpath.NewSet()
	}
	return readFields(text)
}

// readFields is parseFields of JSON.
func readFields(text []byte) *fieldpath.Set {
	read, set := fieldpath.NewSet(), fieldpath.NewSet()
	_ = read.FromJSON(bytes.NewReader(text))
	for path := range read.All() {
		if item := slices.IndexFunc(path, isItem); item > 0 && within(path, pathSpec) {
			path = path[:item]
		}
		set.Insert(path)
	}
	return set
}

// fieldsV1 is a set whose JSON is that of managedFields.
type fieldsV1 struct{ *fieldpath.Set }

func (f fieldsV1) MarshalJSON() ([]byte, error) { return f.ToJSON() }

// lookup returns the value at a path below node, or nil.
func lookup(node any, path fieldpath.Path) any {
	for _, element := range path {
		switch inner := node.(type) {
		case map[string]any:
			if isItem(element) {
				return nil
			}
			node = inner[*element.FieldName]
		case []any:
			i := slices.IndexFunc(inner, named(element))
			if i < 0 {
				return nil
			}
			node = inner[i]
		default:
			return nil
		}
	}
	return node
}

// put sets the value at a path below node and returns node, or what replaces it. A list item is
// replaced or appended.
func put(node any, path fieldpath.Path, value any) any {
	if len(path) == 0 {
		return value
	}
	if isItem(path[0]) {
		list, _ := node.([]any)
		if i := slices.IndexFunc(list, named(path[0])); i >= 0 {
			list[i] = put(list[i], path[1:], value)
			return list
		}
		return append(list, put(nil, path[1:], value))
	}
	object, ok := node.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	name := *path[0].FieldName
	object[name] = put(object[name], path[1:], value)
	return object
}

// remove deletes the value at a path below node, and the maps and lists that become empty. It
// returns what is left of node: nil if that is empty, too.
func remove(node any, path fieldpath.Path) any {
	switch inner := node.(type) {
	case map[string]any:
		if isItem(path[0]) {
			return node
		}
		name := *path[0].FieldName
		if len(path) == 1 {
			delete(inner, name)
		} else if left := remove(inner[name], path[1:]); left == nil {
			delete(inner, name)
		} else {
			inner[name] = left
		}
		if len(inner) == 0 {
			return nil
		}
	case []any:
		left := slices.DeleteFunc(inner, named(path[0]))
		if len(left) == 0 {
			return nil
		}
		return left
	}
	return node
}

// named returns a function that reports whether a path element names a list item.
func named(element fieldpath.PathElement) func(item any) bool {
	return func(item any) bool {
		if element.Value != nil {
			return equal(item, (*element.Value).Unstructured())
		}
		fields, _ := item.(map[string]any)
		differs := func(key value.Field) bool { return !equal(fields[key.Name], key.Value.Unstructured()) }
		return element.Key != nil && len(*element.Key) > 0 && !slices.ContainsFunc(*element.Key, differs)
	}
}

// equal compares values as the API server does: numbers by value, lists in order.
func equal(a, b any) bool {
	return value.Equals(value.NewValueInterface(a), value.NewValueInterface(b))
}

// differing returns the part of a set for which two objects have different values.
func differing(set *fieldpath.Set, a, b map[string]any) *fieldpath.Set {
	return where(set, func(path fieldpath.Path) bool { return !equal(lookup(a, path), lookup(b, path)) })
}
