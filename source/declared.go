package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// declared is a kind of source that a type declares.
type declared struct {
	standalone
	of     Type
	params map[string]any
}

// Declared is the kind that a type declares, with the operator's values for its parameters. An
// error names each value that the type has no parameter for.
func Declared(t Type, params map[string]string) (Kind, error) {
	if wrong := t.checkParams(params); len(wrong) > 0 {
		return nil, wrong.Err()
	}
	return &declared{of: t, params: t.params(params)}, nil
}

// Definition is what a kind reads of an object, as text: with another one, objects have to be read
// again. It is empty for a kind that is written in Go.
func Definition(kind Kind) string {
	d, is := kind.(*declared)
	if !is {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n%s\n%q\n%s", d.of.ID, d.of.AnnotationsField, d.of.Entries, d.params, d.of.CrossNamespace)
}

// TypeOf is the type that declares a kind, if it isn't written in Go.
func TypeOf(kind Kind) (Type, bool) {
	if d, is := kind.(*declared); is {
		return d.of, true
	}
	return Type{}, false
}

func (d *declared) GroupVersionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: d.of.Group, Version: d.of.Versions[0], Kind: d.of.Kind}
}

func (d *declared) Resources() []schema.GroupVersionResource {
	resources := make([]schema.GroupVersionResource, len(d.of.Versions))
	for i, version := range d.of.Versions {
		resources[i] = schema.GroupVersionResource{Group: d.of.Group, Version: version, Resource: d.of.Resource}
	}
	return resources
}

// Reads are the paths that the expression reads. Of metadata, only whole fields can be selected.
func (d *declared) Reads() []string {
	paths := metadataReads()
	for _, path := range d.of.Reads() {
		if path == "" {
			return nil
		}
		if rest, is := strings.CutPrefix(path, "metadata."); is {
			field, _, _ := strings.Cut(rest, ".")
			path = "metadata." + field
		}
		if path == "metadata" {
			paths = slices.DeleteFunc(paths, func(p string) bool { return strings.HasPrefix(p, "metadata.") })
		}
		if path != "apiVersion" && path != "kind" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// CrossesNamespaces implements [Kind].
func (d *declared) CrossesNamespaces() bool { return d.of.CrossNamespace == CrossingAllowed }

// Reduce evaluates the expression. Where that fails, the object has no entries, and says why.
func (d *declared) Reduce(u *unstructured.Unstructured) (*Object, error) {
	var f fields
	o := f.object(u, d)
	if version := u.GroupVersionKind().Version; version != "" {
		o.Version = version
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := d.of.addAnnotations(o, u.Object); err != nil {
		o.Failed = fmt.Sprintf("the source type %s can't read the annotations of the object: %s", d.of.ID, err)
		return o, nil
	}
	entries, err := d.of.entriesOf(context.Background(), u.Object, d.params)
	if err != nil {
		o.Failed = fmt.Sprintf("the source type %s can't tell what the object asks for: %s", d.of.ID, err)
		return o, nil
	}
	for i := range entries {
		o.Entries = append(o.Entries, entries[i].entry(i, o.Namespace))
	}
	return o, nil
}

// addAnnotations gives an object those that it has in a field instead of its metadata.
func (t Type) addAnnotations(o *Object, content map[string]any) error {
	if t.AnnotationsField == "" {
		return nil
	}
	var f fields
	value := any(content)
	for _, name := range strings.Split(t.AnnotationsField, ".") {
		value = f.mapping(value, t.AnnotationsField)[name]
	}
	inField := f.table(value, t.AnnotationsField)
	if len(inField) > 0 {
		maps.Copy(inField, o.Annotations)
		o.Annotations = inField
	}
	return f.err()
}

func (d *declared) Outlived() bool { return d.of.OnKindRemoved == Retain }

func (*declared) Asks(object *Object, options Options) Asks {
	j := newJudge(object, options)
	j.hostPath = func(entry Entry, n int) string { return index(entry.Path+".hosts", n) }
	for _, entry := range object.Entries {
		j.asks.TLSEntries++
		j.tlsEntry(entry)
	}
	return j.done()
}

// Mentions looks for the Secret's name in every string of the object but its annotations, which
// certshim's own are among: alone, behind its namespace, or at the end of a path.
func (*declared) Mentions(object *unstructured.Unstructured, secret string) bool {
	content := maps.Clone(object.Object)
	if metadata, is := content["metadata"].(map[string]any); is {
		metadata = maps.Clone(metadata)
		delete(metadata, "annotations")
		delete(metadata, "managedFields")
		content["metadata"] = metadata
	}
	return mentions(content, secret)
}

func mentions(value any, secret string) bool {
	switch v := value.(type) {
	case string:
		return v == secret || strings.HasSuffix(v, "/"+secret)
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return mentions(item, secret) })
	case map[string]any:
		for _, item := range v {
			if mentions(item, secret) {
				return true
			}
		}
	}
	return false
}

// DeclaredEntry is an item of the list that an expression gives.
type DeclaredEntry struct {
	Hosts           []string `yaml:"hosts"           json:"hosts"`
	SecretName      string   `yaml:"secretName"      json:"secretName"`
	SecretNamespace string   `yaml:"secretNamespace" json:"secretNamespace,omitempty"`
	Section         string   `yaml:"section"         json:"section,omitempty"`
}

func (e DeclaredEntry) entry(i int, namespace string) Entry {
	path := index("entries", i)
	entry := Entry{Section: e.Section, Path: path, Hosts: e.Hosts, HasTLS: true}
	if e.SecretName != "" {
		ref := SecretRef{Path: path + ".secretName", Kind: secretKind, Name: e.SecretName}
		if e.SecretNamespace != "" && e.SecretNamespace != namespace {
			ref.Namespace = &e.SecretNamespace
		}
		entry.Secrets = []SecretRef{ref}
	}
	return entry
}

// entriesOf evaluates the expression over an object, and reads what it gives strictly.
func (t Type) entriesOf(ctx context.Context, object, params map[string]any) ([]DeclaredEntry, error) {
	expression, err := t.compiled()
	if err != nil {
		return nil, err
	}
	items, err := expression.List(ctx, map[string]any{objectVariable: object, paramsVariable: params})
	if err != nil {
		return nil, err
	}
	entries := make([]DeclaredEntry, 0, len(items))
	for i, item := range items {
		entry, err := readEntry(item)
		if err != nil {
			return nil, fmt.Errorf("%s %w", index("entries", i), err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// entryFields are those that an entry may have.
func entryFields() []string { return []string{"hosts", "secretName", "secretNamespace", "section"} }

func readEntry(item any) (DeclaredEntry, error) {
	given, is := item.(map[string]any)
	if !is {
		return DeclaredEntry{}, fmt.Errorf("is %s, must be a map with hosts and secretName", typeName(item))
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(entryFields(), name) {
			return DeclaredEntry{}, fmt.Errorf("has a field that an entry can't have: %w", declaration.NoneOf(name, entryFields()))
		}
	}
	var f fields
	entry := DeclaredEntry{
		Hosts: f.texts(given["hosts"], "hosts"), SecretName: f.text(given["secretName"], "secretName"),
		SecretNamespace: f.text(given["secretNamespace"], "secretNamespace"), Section: f.text(given["section"], "section"),
	}
	if err := f.err(); err != nil {
		return entry, fmt.Errorf("is wrong: %w", errors.Join(problem.Each(err)...))
	}
	return entry, nil
}
