package resolver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The identity of a declaration's document.
const (
	declarationVersion = "certshim.io/v1alpha1"
	declarationKind    = "IssuerType"
)

// declaration is an issuer type as a data file writes it; docs/issuers/schema.md
// describes each field.
type declaration struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec specification `yaml:"spec"`
}

type specification struct {
	Title       string            `yaml:"title"`
	Group       string            `yaml:"group"`
	Versions    []string          `yaml:"versions"`
	Kinds       []KindEntry       `yaml:"kinds"`
	Docs        string            `yaml:"docs"`
	Verified    string            `yaml:"verified"`
	Readiness   ReadinessRule     `yaml:"readiness"`
	Constraints Constraints       `yaml:"constraints"`
	Recommend   Recommendation    `yaml:"recommend"`
	Defaults    Values            `yaml:"defaults"`
	Variants    []Variant         `yaml:"variants"`
	Annotations []ReadAnnotation  `yaml:"annotations"`
	Approval    Approval          `yaml:"approval"`
	Example     map[string]string `yaml:"example"`
	Notes       []string          `yaml:"notes"`
	Tests       []Case            `yaml:"tests"`
}

// Decode reads one declaration of an issuer type, strictly: every unknown, misspelt,
// repeated or ill-typed field, and every value that can't be, is an error that begins
// with file:line. The entry's level is [LevelShipped].
func Decode(content []byte, file string) (Entry, error) { return decode(content, file, false) }

func decode(content []byte, file string, builtin bool) (Entry, error) {
	root, err := oneDocument(content)
	if err != nil {
		return Entry{}, inFile(file, err)
	}
	var d declaration
	if unknown := unknownFields(root, reflect.TypeFor[declaration](), ""); len(unknown) > 0 {
		return Entry{}, inFile(file, errors.Join(unknown...))
	}
	if err := root.Decode(&d); err != nil {
		return Entry{}, inFile(file, err)
	}
	if d.APIVersion != declarationVersion || d.Kind != declarationKind {
		return Entry{}, inFile(file, fmt.Errorf("line %d: apiVersion %q, kind %q is no issuer type; it must be %s, %s",
			root.Line, d.APIVersion, d.Kind, declarationVersion, declarationKind))
	}
	entry := d.entry(file)
	entry.builtin = builtin
	for _, fault := range entry.faults() {
		err = errors.Join(err, fmt.Errorf("line %d: %s: %w", lineOf(root, fault.path), fault.path, fault.err))
	}
	return entry, inFile(file, err)
}

// oneDocument gives the content of the only document.
func oneDocument(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("line 1: the file is empty, must hold an " + declarationKind)
	case err != nil:
		return nil, err
	case first.Content[0].Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: not a mapping, must be an %s", first.Line, declarationKind)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: a second document, one file holds one", max(second.Line, 1))
	}
	return first.Content[0], nil
}

// unknownFields finds the keys of mappings for which the Go type has no field.
func unknownFields(node *yaml.Node, t reflect.Type, path string) []error {
	if node.Kind == yaml.AliasNode {
		return []error{fmt.Errorf("line %d: %s: an alias, which isn't read here", node.Line, path)}
	}
	switch kind := t.Kind(); {
	case kind == reflect.Pointer:
		return unknownFields(node, t.Elem(), path)
	case kind == reflect.Slice:
		var errs []error
		for i, item := range node.Content {
			errs = append(errs, unknownFields(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return errs
	case kind == reflect.Struct && node.Kind == yaml.MappingNode:
		return unknownInMapping(node, yamlFields(t), path)
	}
	return nil
}

func unknownInMapping(node *yaml.Node, fields map[string]reflect.Type, path string) []error {
	var errs []error
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, known := fields[key.Value]
		if !known {
			errs = append(errs, unknownField(key, path, fields))
			continue
		}
		errs = append(errs, unknownFields(value, field, strings.TrimPrefix(path+"."+key.Value, "."))...)
	}
	return errs
}

func unknownField(key *yaml.Node, path string, fields map[string]reflect.Type) error {
	message := fmt.Sprintf("line %d: unknown field %q", key.Line, strings.TrimPrefix(path+"."+key.Value, "."))
	if near := nearest(key.Value, slices.Sorted(maps.Keys(fields))); near != "" {
		message += fmt.Sprintf(", did you mean %q?", near)
	}
	return errors.New(message)
}

// yamlFields are the fields of a struct by their names in a file, those of embedded
// structs included.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if options == "inline" {
			maps.Copy(fields, yamlFields(field.Type))
		} else if name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}

// lineOf is where a path, such as spec.variants[1].when, or the longest part of it that is
// there, begins.
func lineOf(node *yaml.Node, path string) int {
	line := node.Line
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		next := child(node, step)
		if next == nil {
			break
		}
		node, line = next, next.Line
	}
	return line
}

func child(node *yaml.Node, step string) *yaml.Node {
	if node.Kind == yaml.SequenceNode {
		for i, item := range node.Content {
			if fmt.Sprint(i) == step {
				return item
			}
		}
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == step {
			return node.Content[i+1]
		}
	}
	return nil
}

// inFile puts the file's name before every line of an error, in the form that editors
// jump to.
func inFile(file string, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "yaml: ")
		rest, numbered := strings.CutPrefix(line, "line ")
		switch {
		case numbered:
			errs = append(errs, errors.New(file+":"+rest))
		case line != "unmarshal errors:":
			errs = append(errs, errors.New(file+": "+line))
		}
	}
	return errors.Join(errs...)
}

func (d declaration) entry(file string) Entry {
	s := d.Spec
	return Entry{
		ID: d.Metadata.Name, Title: s.Title, Group: s.Group, Versions: s.Versions, Kinds: s.Kinds,
		Docs: s.Docs, Verified: s.Verified, Notes: s.Notes, File: file,
		Readiness: s.Readiness, Constraints: s.Constraints.filled(), Recommend: s.Recommend, Defaults: s.Defaults,
		Variants: filledVariants(s.Variants), Annotations: s.Annotations, Approval: s.Approval,
		Example: s.Example, Cases: s.Tests,
	}
}

func filledVariants(variants []Variant) []Variant {
	out := slices.Clone(variants)
	for i := range out {
		out[i].Constraints = out[i].Constraints.filled()
	}
	return out
}

// filled gives the rules of a file their default verdict, Warn.
func (c Constraints) filled() Constraints {
	for _, verdict := range c.verdictFields() {
		if *verdict == "" {
			*verdict = Warn
		}
	}
	return c
}

// hours writes a duration as people do: 720h rather than 720h0m0s.
func hours(d time.Duration) string {
	text := d.String()
	if short, cut := strings.CutSuffix(text, "h0m0s"); cut {
		return short + "h"
	}
	if short, cut := strings.CutSuffix(text, "m0s"); cut {
		return short + "m"
	}
	return text
}
