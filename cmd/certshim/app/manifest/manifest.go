package manifest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Position is a line of a file, counted from 1.
type Position struct {
	File string
	Line int
}

// String gives file:line, the form that editors jump to.
func (p Position) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// Document is one object of the input. The items of a list are documents at the line of
// the list.
type Document struct {
	At Position
	// Object has an apiVersion and a kind; metadata, if it is there, is an object.
	Object *unstructured.Unstructured
	// Warnings are about the text, such as a key that occurs twice.
	Warnings []*BrokenError

	// text has the object at the place, such as items[2].
	text  *text
	place string
}

// Find gives the line of a field, or of the part of the way to it that is there. The steps are
// keys and indexes.
func (d Document) Find(steps ...string) Position {
	at := d.At
	if d.text != nil {
		at.Line = d.text.lineOf(append(stepsOf(d.place), steps...))
	}
	return at
}

// BrokenError is a document, or a part of one, that can't be read.
type BrokenError struct {
	At  Position
	Err error
	// Other is set for text that need not be meant for an object of Kubernetes: it is neither YAML
	// nor JSON, or has no apiVersion or kind.
	Other bool
}

// Error gives file:line: what is wrong.
func (e *BrokenError) Error() string { return e.At.String() + ": " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *BrokenError) Unwrap() error { return e.Err }

// MaxDocument is the default of [Reader.MaxDocument]: 128 MiB, a list of some 50,000
// objects.
const MaxDocument = 128 << 20

// Reader reads the documents of one stream.
type Reader struct {
	// Name of the file, as messages have it.
	Name string
	// MaxDocument limits the text of one document, in bytes; 0 means [MaxDocument].
	MaxDocument int
	// Count, if it is set, is called for every value of the stream, readable or not; an empty list
	// is one, and an empty document isn't.
	Count func()
}

// Documents gives every object in the order of the stream, lists flattened, empty
// documents left out. What can't be read is a [*BrokenError] in its place; any other error
// is one of reading r, and the last.
func (r Reader) Documents(from io.Reader) iter.Seq2[Document, error] {
	limit := r.MaxDocument
	if limit <= 0 {
		limit = MaxDocument
	}
	return func(yield func(Document, error) bool) {
		split := newSplitter(from, limit)
		for {
			c, err := split.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Document{}, fmt.Errorf("%s: %w", r.Name, err))
				return
			}
			if !r.read(c.skipBlank(), limit, yield) {
				return
			}
		}
	}
}

// read yields the documents of one chunk; it is false when the caller wants no more.
func (r Reader) read(c chunk, limit int, yield func(Document, error) bool) bool {
	if len(c.text) == 0 {
		return true
	}
	if c.cut {
		r.count()
		return yield(Document{}, r.broken(c.line, fmt.Errorf("the document is larger than %d bytes", limit)))
	}
	for _, v := range c.values() {
		r.count()
		if v.err != nil {
			broken := r.broken(v.line, v.err)
			broken.Other = true
			if !yield(Document{}, broken) {
				return false
			}
			continue
		}
		for d, err := range r.objects(v) {
			if !yield(d, err) {
				return false
			}
		}
	}
	return true
}

func (r Reader) count() {
	if r.Count != nil {
		r.Count()
	}
}

func (r Reader) broken(line int, err error) *BrokenError {
	return &BrokenError{At: Position{File: r.Name, Line: line}, Err: err}
}

// objects flattens a value and checks that each object says what it is.
func (r Reader) objects(v value) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		var warnings []*BrokenError
		for _, w := range v.warnings {
			warnings = append(warnings, r.broken(v.line+w.line, w.err))
		}
		for item := range flatten(v.content, "") {
			if err := item.check(); err != nil {
				broken := r.broken(v.line, err)
				broken.Other = isOther(err)
				if !yield(Document{}, broken) {
					return
				}
				continue
			}
			object := &unstructured.Unstructured{Object: item.object}
			d := Document{At: Position{File: r.Name, Line: v.line}, Object: object, Warnings: warnings, text: v.text, place: item.place}
			warnings = nil
			if !yield(d, nil) {
				return
			}
		}
	}
}

// otherError says why a value isn't an object of Kubernetes.
type otherError string

// Error says it.
func (e otherError) Error() string { return string(e) }

// item is what stands where an object is wanted, and its place in a list.
type item struct {
	place  string
	object map[string]any
	err    error
}

// flatten gives an object, or the items of a list, also of lists in it. An item of a
// typed list has its kind and apiVersion from the list where it leaves them out.
func flatten(content any, place string) iter.Seq[item] {
	return func(yield func(item) bool) { flattenInto(content, place, yield) }
}

func flattenInto(content any, place string, yield func(item) bool) bool {
	object, isObject := content.(map[string]any)
	if !isObject {
		return yield(item{place: place, err: otherError(describe(content) + ", must be an object with apiVersion and kind")})
	}
	kind, _ := object["kind"].(string)
	content, hasItems := object["items"]
	if !hasItems || !strings.HasSuffix(kind, "List") {
		return yield(item{place: place, object: object})
	}
	items, isList := content.([]any)
	if !isList && content != nil {
		return yield(item{place: place, err: fmt.Errorf("items is %s, must be a list", describe(content))})
	}
	for i, content := range items {
		inherit(content, object, strings.TrimSuffix(kind, "List"))
		if !flattenInto(content, fmt.Sprintf("%sitems[%d].", place, i), yield) {
			return false
		}
	}
	return true
}

func inherit(content any, list map[string]any, kind string) {
	object, isObject := content.(map[string]any)
	if !isObject || kind == "" {
		return
	}
	if _, has := object["kind"]; !has {
		object["kind"] = kind
	}
	if _, has := object["apiVersion"]; !has {
		object["apiVersion"] = list["apiVersion"]
	}
}

// check says what an object lacks to be one.
func (i item) check() error {
	if i.err != nil {
		return fmt.Errorf("%s%w", i.prefix(), i.err)
	}
	for _, key := range []string{"apiVersion", "kind"} {
		if text, isText := i.object[key].(string); !isText || text == "" {
			return otherError(fmt.Sprintf("%s%s is %s, must be the %s of an object", i.place, key, describe(i.object[key]), key))
		}
	}
	metadata, isObject := i.object["metadata"].(map[string]any)
	if !isObject && i.object["metadata"] != nil {
		return fmt.Errorf("%smetadata is %s, must be an object", i.place, describe(i.object["metadata"]))
	}
	for _, key := range []string{"name", "generateName", "namespace"} {
		if _, isText := metadata[key].(string); !isText && metadata[key] != nil {
			return fmt.Errorf("%smetadata.%s is %s, must be text%s", i.place, key, describe(metadata[key]), quoteHint(metadata[key]))
		}
	}
	return nil
}

func isOther(err error) bool {
	var other otherError
	return errors.As(err, &other)
}

func (i item) prefix() string {
	if i.place == "" {
		return ""
	}
	return strings.TrimSuffix(i.place, ".") + ": "
}

// describe says what a value is, for messages.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "missing or null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		const most = 40
		if len(v) > most {
			return "the text " + strconv.Quote(v[:most]) + "…"
		}
		return "the text " + strconv.Quote(v)
	default:
		return fmt.Sprintf("%v", v)
	}
}

// quoteHint is the hint for a value that would be text in quotes, such as n, which YAML reads as false.
func quoteHint(value any) string {
	switch value.(type) {
	case map[string]any, []any:
		return ""
	}
	return ": put it in quotes"
}

// Mapping reads text that is one document and holds a mapping, which need not be an object. It is nil
// for any other.
func Mapping(content []byte) map[string]any {
	values := chunk{line: 1, text: content}.skipBlank().values()
	if len(values) != 1 || values[0].err != nil {
		return nil
	}
	mapping, _ := values[0].content.(map[string]any)
	return mapping
}
