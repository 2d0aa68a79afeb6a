package declaration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/problem"
)

// Document is the one YAML document of a file.
type Document struct {
	file string
	root *yaml.Node
	// rest is what is wrong with what follows the document.
	rest error
}

// Read parses a file that holds one document, a mapping. What says, for errors, what the file
// must hold, such as "an IssuerType". That another document follows is an error of
// [Document.Decode], so that a file of something else is told by [Document.Identify].
func Read(content []byte, file, what string) (*Document, error) {
	d := &Document{file: file}
	wrong := func(line int, format string, args ...any) (*Document, error) {
		return nil, Mistake{File: file, Line: max(line, 1), Err: fmt.Errorf(format, args...)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return wrong(1, "the file is empty, must hold %s", what)
	case err != nil:
		return nil, d.unreadable(content, err)
	}
	d.root = first.Content[0]
	if d.root.Kind != yaml.MappingNode {
		return wrong(first.Line, "not a mapping, must be %s", what)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		_, d.rest = wrong(second.Line, "a second document, must be one a file")
	case !errors.Is(err, io.EOF):
		d.rest = d.unreadable(content, err)
	}
	return d, nil
}

// unreadable says why a text is no YAML, with the usual cause.
func (d *Document) unreadable(content []byte, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	where, what, found := strings.Cut(text, ": ")
	number, numbered := strings.CutPrefix(where, "line ")
	line, failed := strconv.Atoi(number)
	if !found || !numbered || failed != nil {
		return Mistake{File: d.file, Line: 1, Err: fmt.Errorf("no YAML: %s", text)}
	}
	hint := TabHint(content, line-1)
	if hint == "" {
		hint = "; look for its indentation, by spaces alone, and for quotes and brackets there and below"
	}
	return Mistake{File: d.file, Line: line, Err: fmt.Errorf("no YAML: %s%s", what, hint)}
}

// TabHint is the hint, to be put behind what a YAML reader says of a line, if that is indented by
// a tab; else empty. The lines count from 0.
func TabHint(content []byte, line int) string {
	for range line {
		_, rest, found := bytes.Cut(content, []byte("\n"))
		if !found {
			break
		}
		content = rest
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	indentation := first[:len(first)-len(bytes.TrimLeft(first, " \t"))]
	if !bytes.Contains(indentation, []byte("\t")) {
		return ""
	}
	return "; the line is indented by a tab, must be by spaces"
}

// Identify wants the document to be of an apiVersion and kind.
func (d *Document) Identify(apiVersion, kind string) error {
	is := func(field string) string {
		if value := child(d.root, field); value != nil {
			return value.Value
		}
		return ""
	}
	if is("apiVersion") == apiVersion && is("kind") == kind {
		return nil
	}
	return Mistake{File: d.file, Line: d.root.Line, Err: fmt.Errorf("apiVersion %s, kind %s can't be read here; must be %s, %s",
		problem.Quote(is("apiVersion")), problem.Quote(is("kind")), apiVersion, kind)}
}

// Decode reads the document into a value, a pointer to a struct, whose fields that the document
// doesn't have stay as they are. Afterwards check gives what is wrong with the values. The error
// has all mistakes of the document, in the order of their lines; one of check that only follows
// from a field that couldn't be read isn't among them.
func (d *Document) Decode(into any, check func() Mistakes) error {
	if d.rest != nil {
		return d.rest
	}
	s := shape{}
	s.value(d.root, reflect.TypeOf(into).Elem(), "")
	if err := d.root.Decode(into); err != nil {
		s.mistakes.Add("", errors.New(plain(err)))
	}
	all := s.mistakes
	for _, mistake := range check() {
		if !s.explains(d.root, mistake.Path) {
			mistake.Line = lineOf(d.root, mistake.Path)
			all = append(all, mistake)
		}
	}
	for i := range all {
		all[i].File, all[i].Line = d.file, max(all[i].Line, 1)
	}
	return all.Err()
}

// lineOf is the line where a path, or the longest part of it that is there, begins.
func lineOf(node *yaml.Node, path string) int {
	line := node.Line
	for step := range steps(path) {
		if node = child(node, step); node == nil {
			break
		}
		line = node.Line
	}
	return line
}

// steps are the fields and indexes of a path: of spec.kinds[0] they are spec, kinds and 0.
func steps(path string) func(func(string) bool) {
	return strings.FieldsFuncSeq(path, func(c rune) bool { return strings.ContainsRune(".[]", c) })
}

// child is an item of a list or a field of a mapping, or nil.
func child(node *yaml.Node, step string) *yaml.Node {
	if node.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i]
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
