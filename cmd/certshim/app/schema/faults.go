package schema

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// Fault says what is wrong with a field.
type Fault int

// The faults.
const (
	// Unknown is a field that the kind doesn't have.
	Unknown Fault = iota
	// Missing is a field that every object of the kind has.
	Missing
	// Mistyped is a field whose value is of another type.
	Mistyped
)

// Field is one for which API servers refuse an object.
type Field struct {
	Fault Fault
	// Steps are the keys and indexes that lead to it, and Path is how people write them.
	Steps []string
	Path  string
	// Right is the path of the field that is meant by an unknown one, or empty.
	Right string
	// Here are the fields that there are beside an unknown one, or those of which one is missing.
	Here []string
	// Want is the type that a mistyped one should have, Got the one that it has.
	Want, Got string
}

// most is how many fields of an object are told.
const most = 20

// Faults gives the fields for which API servers refuse an object, in the order of their paths,
// and at most 20. It is nil for a kind that isn't known.
func Faults(object map[string]any, apiVersion, kind string) []Field {
	f := known()
	root, is := f.roots[versioned{apiVersion: apiVersion, kind: kind}]
	if !is {
		return nil
	}
	w := walk{facts: f, root: root}
	w.object(object, root)
	w.found = slices.DeleteFunc(w.found, w.isMisspelt)
	slices.SortStableFunc(w.found, func(a, b Field) int { return slices.CompareFunc(a.Steps, b.Steps, compareSteps) })
	return w.found[:min(len(w.found), most)]
}

// isMisspelt says whether a missing field is there under a name that isn't known.
func (w *walk) isMisspelt(f Field) bool {
	return f.Fault == Missing && slices.ContainsFunc(w.found, func(other Field) bool { return other.Fault == Unknown && other.Right == f.Path })
}

// Knows says whether the fields of a kind are known.
func Knows(apiVersion, kind string) bool {
	_, is := known().roots[versioned{apiVersion: apiVersion, kind: kind}]
	return is
}

// compareSteps compares keys as texts, and indexes by what they are.
func compareSteps(a, b string) int {
	if isIndex(a) && isIndex(b) {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

// walk goes through an object along its type. Nearly all objects have no fault, so that it makes the
// path of a field only if there is one.
type walk struct {
	*facts
	root  string
	at    []step
	found []Field
}

// step is a key, or an index, which isn't negative.
type step struct {
	key   string
	index int
}

func keyStep(key string) step { return step{key: key, index: -1} }

func (w *walk) add(field Field, key string) {
	field.Steps = w.steps()
	if key != "" {
		field.Steps = append(field.Steps, key)
	}
	field.Path = Path(field.Steps)
	w.found = append(w.found, field)
}

func (w *walk) in(s step, value any, of shape) {
	w.at = append(w.at, s)
	w.value(value, of)
	w.at = w.at[:len(w.at)-1]
}

func (w *walk) object(object map[string]any, of string) {
	has := w.types[of]
	for key, value := range object {
		if !slices.Contains(has.names, key) {
			w.add(Field{Fault: Unknown, Right: w.meant(key, has), Here: has.names}, key)
			continue
		}
		if inner, is := has.of[key]; is {
			w.in(keyStep(key), value, inner)
		}
	}
	for _, key := range has.required {
		if object[key] == nil {
			w.add(Field{Fault: Missing}, key)
		}
	}
	if len(has.oneOf) > 0 && !slices.ContainsFunc(has.oneOf, func(key string) bool { return !isEmpty(object[key]) }) {
		w.add(Field{Fault: Missing, Here: has.oneOf}, has.oneOf[0])
	}
}

func isEmpty(value any) bool {
	list, isList := value.([]any)
	return value == nil || isList && len(list) == 0
}

// value goes into lists and maps.
func (w *walk) value(value any, s shape) {
	if want := s.kind(); value != nil && kindOf(value) != want {
		w.add(Field{Fault: Mistyped, Want: want, Got: kindOf(value)}, "")
		return
	}
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			w.in(step{index: i}, item, shape{depth: s.depth[1:], of: s.of})
		}
	case map[string]any:
		if s.depth == "" {
			w.object(v, s.of)
			return
		}
		for key, item := range v {
			w.in(keyStep(key), item, shape{depth: s.depth[1:], of: s.of})
		}
	}
}

// kind is the type of a value, in JSON's words.
func (s shape) kind() string {
	switch {
	case strings.HasPrefix(s.depth, "["):
		return "list"
	case s.depth != "", !isScalar(s.of):
		return "object"
	}
	return s.of
}

func kindOf(value any) string {
	switch v := value.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "list"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v != math.Trunc(v) {
			return "number"
		}
	}
	return "integer"
}

// meant is the path of the field that an unknown one stands for: one beside it of nearly its
// name, also where the blank after the colon is missing; metadata.annotations, for what is named
// like an annotation; or a field of its name elsewhere in the kind.
func (w *walk) meant(key string, has fields) string {
	if before, after, found := strings.Cut(key, ":"); found && slices.Contains(has.names, before) {
		return w.beside(before, strings.TrimSpace(after))
	}
	if strings.Contains(key, "/") {
		return Path([]string{"metadata", "annotations", key})
	}
	if near := cmp.Or(declaration.Nearest(key, has.names), begunBy(key, has.names)); near != "" {
		return w.beside(near)
	}
	return w.elsewhere(key)
}

// beside is the path of fields below the object that the walk is in.
func (w *walk) beside(keys ...string) string {
	return Path(append(w.steps(), keys...))
}

// steps lead to where the walk is.
func (w *walk) steps() []string {
	var steps []string
	for _, s := range w.at {
		if s.index >= 0 {
			s.key = strconv.Itoa(s.index)
		}
		steps = append(steps, s.key)
	}
	return steps
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
