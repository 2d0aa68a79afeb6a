package resolver

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
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
	if wrong := misshapen(root, reflect.TypeFor[declaration](), ""); len(wrong) > 0 {
		return Entry{}, inFile(file, errors.Join(wrong...))
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
	return entry, inFile(file, entry.faults().atLines(root))
}

// oneDocument gives the content of the only document.
func oneDocument(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("line 1: the file is empty, must hold an " + declarationKind)
	case err != nil:
		return nil, noYAML(err)
	case first.Content[0].Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: not a mapping, must be an %s", first.Line, declarationKind)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: a second document, one file holds one", max(second.Line, 1))
	}
	return first.Content[0], nil
}

// noYAML says why the text can't be read at all, with the usual cause.
func noYAML(err error) error {
	where, what, found := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ": ")
	if !found || !strings.HasPrefix(where, "line ") {
		return fmt.Errorf("line 1: no YAML: %w", err)
	}
	return fmt.Errorf("%s: no YAML: %s; look for its indentation, by spaces alone, and for quotes and brackets there and below", where, what)
}

// atLines is all faults, each behind its line, by which they are sorted, and its path.
func (f faults) atLines(root *yaml.Node) error {
	var errs []error
	sorted := slices.SortedStableFunc(slices.Values(f), func(a, b fault) int {
		return cmp.Or(cmp.Compare(lineOf(root, a.path), lineOf(root, b.path)), cmp.Compare(a.path, b.path))
	})
	for _, one := range sorted {
		errs = append(errs, fmt.Errorf("line %d: %s: %w", lineOf(root, one.path), one.path, one.err))
	}
	return errors.Join(errs...)
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
		Readiness: s.Readiness, Constraints: s.Constraints, Recommend: s.Recommend, Defaults: s.Defaults,
		Variants: s.Variants, Annotations: s.Annotations, Approval: s.Approval,
		Example: s.Example, Cases: s.Tests,
	}
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
