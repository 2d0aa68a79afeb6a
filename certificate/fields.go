package certificate

import (
	"encoding/json"
	"strings"
)

// A fieldPath is a path in the words of FieldsV1 (f:spec, k:{"uid":"…"}, v:"…"), its
// elements joined by a character that none of them can hold.
type fieldPath string

const separator = "\x00"

// Paths that the code below speaks of.
const (
	pathStatus     fieldPath = "f:status"
	pathSpec       fieldPath = "f:spec"
	pathOwners     fieldPath = "f:metadata" + separator + "f:ownerReferences"
	pathFinalizers fieldPath = "f:metadata" + separator + "f:finalizers"
	pathSecretName fieldPath = "f:spec" + separator + "f:secretName"
)

func (p fieldPath) child(element string) fieldPath {
	if p == "" {
		return fieldPath(element)
	}
	return p + separator + fieldPath(element)
}

func (p fieldPath) elements() []string { return strings.Split(string(p), separator) }

// within says whether p is under, or the same as, other.
func (p fieldPath) within(other fieldPath) bool {
	return p == other || strings.HasPrefix(string(p), string(other)+separator)
}

// parents are the paths above p, the nearest last.
func (p fieldPath) parents() []fieldPath {
	var all []fieldPath
	for i := range len(p) {
		if p[i] == separator[0] {
			all = append(all, p[:i])
		}
	}
	return all
}

// keyed says whether p is an item of a list that is owned item by item.
func (p fieldPath) keyed() bool {
	last := string(p[strings.LastIndex(string(p), separator)+1:])
	return isItem(last)
}

// String is the path of a field as the API server writes it in a conflict: .spec.duration.
func (p fieldPath) String() string {
	var b strings.Builder
	for _, element := range p.elements() {
		b.WriteString("." + strings.TrimPrefix(element, "f:"))
	}
	return b.String()
}

// ownerElement is the path element of an ownerReference.
func ownerElement(uid string) string {
	quoted, _ := json.Marshal(uid)
	return `k:{"uid":` + string(quoted) + `}`
}

// valueElement is the path element of a member of a set.
func valueElement(value string) string {
	quoted, _ := json.Marshal(value)
	return "v:" + string(quoted)
}

// isItem says whether an element names an item of a list rather than a field.
func isItem(element string) bool { return !strings.HasPrefix(element, "f:") }

// A fieldSet is what one entry of managedFields owns.
type fieldSet map[fieldPath]bool

// parseFields reads a fieldsV1. A path into a list of the spec stands for the list: all
// of them are atomic.
func parseFields(fields map[string]any) fieldSet {
	set := fieldSet{}
	set.read("", fields)
	return set
}

func (s fieldSet) read(at fieldPath, node map[string]any) {
	if len(node) == 0 && at != "" {
		s[at] = true
		return
	}
	for element, child := range node {
		if element == "." || (isItem(element) && at.within(pathSpec)) {
			s[at] = true
			continue
		}
		below, _ := child.(map[string]any)
		s.read(at.child(element), below)
	}
}

// fieldsV1 is the set as managedFields hold it.
func (s fieldSet) fieldsV1() map[string]any {
	root := map[string]any{}
	for path := range s {
		node := root
		for _, element := range path.elements() {
			child, _ := node[element].(map[string]any)
			if child == nil {
				child = map[string]any{}
				node[element] = child
			}
			node = child
		}
	}
	for path := range s {
		node := root
		for _, element := range path.elements() {
			node = node[element].(map[string]any)
		}
		if len(node) > 0 {
			node["."] = map[string]any{}
		}
	}
	return root
}

// lookup gives the value that stands at a path of a live object.
func lookup(object map[string]any, path fieldPath) (any, bool) {
	var value any = object
	for _, element := range path.elements() {
		var found bool
		if value, found = step(value, element); !found {
			return nil, false
		}
	}
	return value, true
}

// step goes one element down. Where an item is asked for, it searches the list.
func step(value any, element string) (any, bool) {
	kind, text, _ := strings.Cut(element, ":")
	switch node := value.(type) {
	case map[string]any:
		child, found := node[text]
		return child, found && kind == "f"
	case []any:
		return findItem(node, kind, text)
	}
	return nil, false
}

func findItem(list []any, kind, text string) (any, bool) {
	switch kind {
	case "k":
		var key map[string]any
		if json.Unmarshal([]byte(text), &key) != nil {
			return nil, false
		}
		for _, item := range list {
			if fields, ok := item.(map[string]any); ok && hasKey(fields, key) {
				return item, true
			}
		}
	case "v":
		var want any
		if json.Unmarshal([]byte(text), &want) != nil {
			return nil, false
		}
		for _, item := range list {
			if text, ok := item.(string); ok && text == want {
				return item, true
			}
		}
	}
	return nil, false
}

func hasKey(fields, key map[string]any) bool {
	for name, want := range key {
		if text, ok := fields[name].(string); !ok || text != want {
			return false
		}
	}
	return len(key) > 0
}
