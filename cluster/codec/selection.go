package codec

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Selection is the fields of an object that somebody reads. The nil Selection is all of them.
//
// Whatever it holds, what tells an object from others is kept: apiVersion, kind, and of the
// metadata name, namespace, uid and resourceVersion; and of a list its metadata and all items.
type Selection struct{ root fields }

// fields is a tree of field names; one without any below it is kept whole.
type fields map[string]fields

// Select gives the selection of fields by path, such as "spec.tls" and "metadata.annotations".
// In lists a path counts within each item: "spec.listeners.name". Nil paths are all fields, no
// paths at all are what every selection keeps.
//
// The error names every path that can't be meant: one that isn't field names with dots in
// between, one that metadata doesn't have, and one within another.
func Select(paths []string) (*Selection, error) {
	if paths == nil {
		return nil, nil
	}
	var faults *multierror.Error
	s := &Selection{root: fields{}}
	for i, path := range paths {
		if err := check(path, paths[:i]); err != nil {
			faults = multierror.Append(faults, err)
		}
		s.root.add(strings.Split(path, ".")...)
	}
	s.keepIdentity()
	return s, faults.ErrorOrNil()
}

func (f fields) add(names ...string) {
	for _, name := range names {
		if f[name] == nil {
			f[name] = fields{}
		}
		f = f[name]
	}
}

// identity are the names in metadata that are always kept. The last two are those of a list
// that comes in pages.
func identity() []string {
	return []string{"name", "namespace", "uid", "resourceVersion", "continue", "remainingItemCount"}
}

func (s *Selection) keepIdentity() {
	s.root.add("apiVersion")
	s.root.add("kind")
	metadata, selected := s.root["metadata"]
	if selected && len(metadata) == 0 {
		return
	}
	for _, name := range identity() {
		s.root.add("metadata", name)
	}
	// By this annotation a watch says that it has sent what there was.
	if annotations, selected := s.root["metadata"]["annotations"]; !selected || len(annotations) > 0 {
		s.root.add("metadata", "annotations", metav1.InitialEventsAnnotationKey)
	}
}

var shape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$`)

// check says what is wrong with a path, beside those before it.
func check(path string, others []string) error {
	if !shape.MatchString(path) {
		return fmt.Errorf("path %q: must be field names with dots in between, such as spec.tls", path)
	}
	for _, other := range others {
		if path == other || strings.HasPrefix(path, other+".") || strings.HasPrefix(other, path+".") {
			return fmt.Errorf("path %q: it overlaps with %q", path, other)
		}
	}
	if rest, within := strings.CutPrefix(path, "metadata."); within {
		name, below, deeper := strings.Cut(rest, ".")
		if known := metadataFields(); !slices.Contains(known, name) {
			return fmt.Errorf("path %q: metadata has no field %q; it has %s", path, name, strings.Join(known, ", "))
		}
		if deeper {
			return fmt.Errorf("path %q: %q in metadata can be selected as a whole only, without %q", path, name, below)
		}
	}
	return nil
}

// metadataFields are the names of all fields of metadata.
func metadataFields() []string {
	var names []string
	for field := range reflect.TypeFor[metav1.ObjectMeta]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// OnlyMetadata says whether all paths are in metadata.
func OnlyMetadata(paths []string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool {
		return path != "metadata" && !strings.HasPrefix(path, "metadata.")
	})
}

// Prune takes from an object, or a list of them, what a decoder with this selection skips.
func (s *Selection) Prune(content map[string]any) {
	if s == nil {
		return
	}
	items, isList := content["items"].([]any)
	s.root.prune(content)
	if isList {
		content["items"] = items
		s.root.pruneValue(items)
	}
}

func (f fields) prune(object map[string]any) {
	for name, value := range object {
		below, selected := f[name]
		switch {
		case !selected:
			delete(object, name)
		case len(below) > 0:
			below.pruneValue(value)
		}
	}
}

func (f fields) pruneValue(value any) {
	switch v := value.(type) {
	case map[string]any:
		f.prune(v)
	case []any:
		for _, item := range v {
			f.pruneValue(item)
		}
	}
}
