package schema

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// Field is one that the kind of an object doesn't have.
type Field struct {
	// Steps are the keys and indexes that lead to it, and Path is how people write them.
	Steps []string
	Path  string
	// Right is the path of the field that is meant, or empty.
	Right string
	// Here are the fields that there are beside it.
	Here []string
}

// most is how many unknown fields of an object are told.
const most = 20

// Unknown gives the fields of an object that its kind doesn't have, in the order of their paths,
// and at most 20. It is nil for a kind that isn't known.
func Unknown(object map[string]any, apiVersion, kind string) []Field {
	f := known()
	root, is := f.roots[versioned{apiVersion: apiVersion, kind: kind}]
	if !is {
		return nil
	}
	w := walk{facts: f, root: root}
	w.object(object, root, nil)
	return w.found
}

// walk goes through an object along its type.
type walk struct {
	*facts
	root  string
	found []Field
}

func (w *walk) object(object map[string]any, of string, at []string) {
	has := w.types[of]
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if len(w.found) == most {
			return
		}
		steps := append(slices.Clone(at), key)
		if !slices.Contains(has.names, key) {
			w.found = append(w.found, Field{Steps: steps, Path: Path(steps), Right: w.meant(key, has, at), Here: has.names})
			continue
		}
		if inner, is := has.of[key]; is {
			w.value(object[key], inner, steps)
		}
	}
}

// value goes into lists and maps. What isn't of the type is told by whoever reads it.
func (w *walk) value(value any, s shape, at []string) {
	switch v := value.(type) {
	case []any:
		if strings.HasPrefix(s.depth, "[") {
			for i, item := range v {
				w.value(item, shape{depth: s.depth[1:], of: s.of}, append(slices.Clone(at), strconv.Itoa(i)))
			}
		}
	case map[string]any:
		if s.depth == "" {
			w.object(v, s.of, at)
			return
		}
		if s.depth[0] == '{' {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				w.value(v[key], shape{depth: s.depth[1:], of: s.of}, append(slices.Clone(at), key))
			}
		}
	}
}

// meant is the path of the field that an unknown one stands for: one beside it of nearly its
// name, also where the blank after the colon is missing; metadata.annotations, for what is named
// like an annotation; or a field of its name elsewhere in the kind.
func (w *walk) meant(key string, has fields, at []string) string {
	if before, after, found := strings.Cut(key, ":"); found && slices.Contains(has.names, before) {
		return Path(append(slices.Clone(at), before, strings.TrimSpace(after)))
	}
	if strings.Contains(key, "/") {
		return Path([]string{"metadata", "annotations", key})
	}
	if near := cmp.Or(declaration.Nearest(key, has.names), begunBy(key, has.names)); near != "" {
		return Path(append(slices.Clone(at), near))
	}
	return w.elsewhere(key)
}

// begunBy is the only one of some names that begins with a key, such as hostname with host.
func begunBy(key string, names []string) string {
	begin := func(name string) bool { return strings.HasPrefix(name, key) }
	i := slices.IndexFunc(names, begin)
	if i < 0 || slices.ContainsFunc(names[i+1:], begin) {
		return ""
	}
	return names[i]
}

// deepest is how far below the top a field is looked for that stands in a wrong place.
const deepest = 6

// elsewhere finds the least deep field of a name, unless there are several.
func (w *walk) elsewhere(key string) string {
	level := []place{{of: w.root}}
	for range deepest {
		var next []place
		var found []string
		for _, p := range level {
			for _, name := range w.types[p.of].names {
				path := p.path + "." + name
				if name == key {
					found = append(found, strings.TrimPrefix(path, "."))
				}
				inner, is := w.types[p.of].of[name]
				if is && path != ".status" && !strings.Contains(inner.depth, "{") {
					next = append(next, place{path: path + strings.ReplaceAll(inner.depth, "[", "[]"), of: inner.of})
				}
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0]
		default:
			return ""
		}
		level = next
	}
	return ""
}

// place is a type and the path to it.
type place struct{ path, of string }

// Path writes steps as people do: spec.tls[0].hosts, metadata.annotations["a/b"].
func Path(steps []string) string {
	var b strings.Builder
	for _, step := range steps {
		switch {
		case isIndex(step):
			b.WriteString("[" + step + "]")
		case !isPlain(step):
			b.WriteString("[" + strconv.Quote(step) + "]")
		case b.Len() == 0:
			b.WriteString(step)
		default:
			b.WriteString("." + step)
		}
	}
	return b.String()
}

func isIndex(step string) bool {
	return step != "" && strings.Trim(step, "0123456789") == ""
}

func isPlain(step string) bool {
	return step != "" && !strings.ContainsFunc(step, func(c rune) bool {
		return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}
