package declaration

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/problem"
)

// Shaped is a type that is written in another form than its Go type has, such as a map of which
// only some fields are known.
type Shaped interface {
	// Shape gives a value of a type that has the form.
	Shape() any
}

// shape compares a document with a Go type. What has no place in the type is reported and taken
// out of the document, so that the rest can be decoded.
type shape struct {
	root     reflect.Type
	mistakes Mistakes
	// emptied are paths whose values couldn't be read, and incomplete those of mappings with an
	// unknown field, which may be meant for one that is missing.
	emptied, incomplete []string
}

// explains says whether a mistake at a path only follows from one of the document's shape.
func (s *shape) explains(root *yaml.Node, path string) bool {
	if slices.ContainsFunc(s.emptied, func(emptied string) bool { return within(path, emptied) }) {
		return true
	}
	return slices.ContainsFunc(s.incomplete, func(mapping string) bool {
		return within(path, mapping) && path != mapping && missing(root, mapping, path)
	})
}

// missing says whether a mapping lacks the field through which a path leads.
func missing(root *yaml.Node, mapping, path string) bool {
	node := root
	for step := range steps(mapping) {
		if node = child(node, step); node == nil {
			return true
		}
	}
	for step := range steps(strings.TrimPrefix(path, mapping)) {
		return child(node, step) == nil
	}
	return false
}

// value compares one value with the type that it is to be read into.
func (s *shape) value(node *yaml.Node, t reflect.Type, path string) {
	if shaped, is := reflect.Zero(t).Interface().(Shaped); is {
		t = reflect.TypeOf(shaped.Shape())
	}
	s.root = cmp.Or(s.root, t)
	switch kind := t.Kind(); {
	case node.Kind == yaml.AliasNode:
		s.empty(node, path, errors.New("an alias, must be written out"))
	case kind == reflect.Pointer:
		s.value(node, t.Elem(), path)
	case kind == reflect.Struct && node.Kind == yaml.MappingNode:
		s.fields(node, fieldsOf(t), path)
	case (kind == reflect.Map || kind == reflect.Interface) && node.Kind == yaml.MappingNode:
		s.entries(node, elementOf(t), path)
	case (kind == reflect.Slice || kind == reflect.Interface) && node.Kind == yaml.SequenceNode:
		for i, item := range node.Content {
			s.value(item, elementOf(t), fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		if err := node.Decode(reflect.New(t).Interface()); err != nil {
			s.empty(node, path, illTyped(node, t, err))
		}
	}
}

// elementOf is what a list or a map has, or what has no type has.
func elementOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Interface {
		return t
	}
	return t.Elem()
}

// empty reports a value that can't be read, and takes it out.
func (s *shape) empty(node *yaml.Node, path string, err error) {
	s.mistakes = append(s.mistakes, Mistake{Line: node.Line, Path: path, Err: err})
	s.emptied = append(s.emptied, path)
	*node = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: node.Line}
}

// fields compares a mapping with the fields of a struct.
func (s *shape) fields(node *yaml.Node, fields map[string]reflect.Type, path string) {
	s.unrepeated(node, path)
	node.Content = pairs(node, func(key, value *yaml.Node) bool {
		at := join(path, key.Value)
		field, known := fields[key.Value]
		if !known {
			s.mistakes = append(s.mistakes, Mistake{Line: key.Line, Err: s.unknownField(at, key.Value, fields)})
			s.incomplete = append(s.incomplete, path)
			return false
		}
		s.value(value, field, at)
		return true
	})
}

// entries compares a mapping with a map.
func (s *shape) entries(node *yaml.Node, element reflect.Type, path string) {
	s.unrepeated(node, path)
	for i := 0; i+1 < len(node.Content); i += 2 {
		s.value(node.Content[i+1], element, join(path, node.Content[i].Value))
	}
}

// unrepeated takes out keys that stand in a mapping before, and those that are no text.
func (s *shape) unrepeated(node *yaml.Node, path string) {
	lines := map[string]int{}
	node.Content = pairs(node, func(key, _ *yaml.Node) bool {
		first, repeated := lines[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			s.mistakes = append(s.mistakes, Mistake{Line: key.Line, Path: path, Err: fmt.Errorf("the key %s, must be text", describe(key))})
			return false
		case repeated:
			s.mistakes = append(s.mistakes, Mistake{Line: key.Line, Err: fmt.Errorf("repeated field %q, which is there already at line %d", join(path, key.Value), first)})
			return false
		}
		lines[key.Value] = key.Line
		return true
	})
}

// pairs are those of a mapping's keys and values that are kept.
func pairs(node *yaml.Node, keep func(key, value *yaml.Node) bool) []*yaml.Node {
	var kept []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		if keep(node.Content[i], node.Content[i+1]) {
			kept = append(kept, node.Content[i], node.Content[i+1])
		}
	}
	return kept
}

// unknownField says which field is meant: one that is spelt nearly the same, or one of the same
// name elsewhere in the document; else which fields there are.
func (s *shape) unknownField(path, name string, fields map[string]reflect.Type) error {
	names := slices.Sorted(maps.Keys(fields))
	if near := Nearest(name, names); near != "" {
		return fmt.Errorf("unknown field %q, did you mean %q?", path, near)
	}
	hint := ""
	if places := placesOf(name, s.root); len(places) > 0 {
		hint = "; did you mean " + strings.Join(places, " or ") + "?"
	}
	return fmt.Errorf("unknown field %q; the fields here are %s%s", path, strings.Join(names, ", "), hint)
}

// placesOf are the paths, quoted and sorted, of a field by its name: those that are the least
// deep. It doesn't look deeper than a document goes that people write.
func placesOf(name string, root reflect.Type) []string {
	const deepest = 6
	level := map[string]reflect.Type{"": root}
	for range deepest {
		var found []string
		next := map[string]reflect.Type{}
		for path, t := range level {
			for field, inner := range fieldsOf(t) {
				if field == name {
					found = append(found, strconv.Quote(join(path, field)))
				}
				if inner, index := structOf(inner); inner != nil {
					next[join(path, field)+index] = inner
				}
			}
		}
		if len(found) > 0 {
			return slices.Sorted(slices.Values(found))
		}
		level = next
	}
	return nil
}

// structOf is the struct that a type is, points to or has a list of, or nil; index is what the
// path to it ends in.
func structOf(t reflect.Type) (inner reflect.Type, index string) {
	switch t.Kind() {
	case reflect.Struct:
		return t, ""
	case reflect.Pointer:
		return structOf(t.Elem())
	case reflect.Slice:
		inner, _ = structOf(t.Elem())
		return inner, "[]"
	default:
		return nil, ""
	}
}

// fieldsOf are the fields of a struct by their names in a file, those of inlined structs
// included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			maps.Copy(fields, fieldsOf(field.Type))
		case name != "-" && field.IsExported():
			fields[cmp.Or(name, strings.ToLower(field.Name))] = field.Type
		}
	}
	return fields
}

// illTyped says what a value is, and what it must be.
func illTyped(node *yaml.Node, t reflect.Type, err error) error {
	must := ""
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[time.Duration]():
		must = "a duration as Go writes them, whose largest unit is h: 2160h are 90 days" + meantDays(node.Value)
	case kind == reflect.Slice:
		must = "a list, such as [" + cmp.Or(node.Value, "…") + "]"
	case kind == reflect.Struct:
		must = "a mapping, with " + strings.Join(slices.Sorted(maps.Keys(fieldsOf(t))), ", ")
	case kind == reflect.Map:
		must = "a mapping"
	case kind == reflect.Bool:
		must = "true or false"
	case kind >= reflect.Int && kind <= reflect.Uint64:
		must = "a whole number"
	case kind == reflect.Float32 || kind == reflect.Float64:
		must = "a number"
	case kind == reflect.String:
		must = "text"
	default:
		return errors.New(plain(err))
	}
	return fmt.Errorf("%s, must be %s", describe(node), must)
}

// describe is a value in words.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return problem.Quote(node.Value)
	}
}

// meantDays is the hint for what is written in days.
func meantDays(text string) string {
	number, cut := strings.CutSuffix(text, "d")
	days, err := strconv.ParseUint(number, 10, 16)
	if !cut || err != nil {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", strconv.FormatUint(days*24, 10)+"h")
}

// plain is a YAML reader's message on one line.
func plain(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:\n")
	return strings.Join(strings.Fields(text), " ")
}
