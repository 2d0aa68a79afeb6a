package source

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/problem"
)

// fields reads the fields of one object and remembers every one that has a wrong type.
// A field that is absent or null reads as its zero value.
type fields struct {
	errs []error
}

func (f *fields) wrong(path, want string, got any) {
	hint := ""
	if want == "a string" && isScalar(got) {
		hint = ": put it in quotes"
	}
	if _, isBool := got.(bool); isBool && want == "a string" {
		hint += " (YAML reads y, yes, on, n, no and off as booleans, too)"
	}
	f.errs = append(f.errs, fmt.Errorf("%s: must be %s, not %s%s", path, want, typeName(got), hint))
}

func (f *fields) err() error { return problem.Join(f.errs...) }

// isScalar says whether a value is one that YAML takes for a string if it stands in quotes.
func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// mapping reads an object; it is nil where there is none.
func (f *fields) mapping(value any, path string) map[string]any {
	switch v := value.(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	}
	f.wrong(path, "an object", value)
	return nil
}

func (f *fields) list(value any, path string) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	f.wrong(path, "a list", value)
	return nil
}

// text reads a string without the white space around it, which the API server refuses
// and a manifest may have. It is cloned, so that it doesn't keep a decoded document alive.
func (f *fields) text(value any, path string) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.Clone(strings.TrimSpace(v))
	}
	f.wrong(path, "a string", value)
	return ""
}

// number reads a whole number, which JSON and YAML may also give as one with a fraction of zero.
func (f *fields) number(value any, path string) int {
	switch v := value.(type) {
	case nil:
		return 0
	case int64:
		return int(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) <= math.MaxInt32 {
			return int(v)
		}
		f.errs = append(f.errs, fmt.Errorf("%s: must be a whole number, not %v", path, v))
		return 0
	}
	f.wrong(path, "a whole number", value)
	return 0
}

// textOr reads a string that may be absent, which isn't the same as empty.
func (f *fields) textOr(value any, absent, path string) string {
	if value == nil {
		return absent
	}
	return f.text(value, path)
}

func (f *fields) texts(value any, path string) []string {
	items := f.list(value, path)
	if len(items) == 0 {
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = f.text(item, index(path, i))
	}
	return out
}

// table reads a map of strings as it is written.
func (f *fields) table(value any, path string) map[string]string {
	entries := f.mapping(value, path)
	if len(entries) == 0 {
		return nil
	}
	out := make(map[string]string, len(entries))
	var wrong []string
	for key, item := range entries {
		text, isText := item.(string)
		if !isText && item != nil {
			wrong = append(wrong, key)
			continue
		}
		out[strings.Clone(key)] = strings.Clone(text)
	}
	slices.Sort(wrong)
	for _, key := range wrong {
		f.wrong(path+"["+problem.Quote(key)+"]", "a string", entries[key])
	}
	return out
}

// object reads what every kind has: the reference and the metadata.
func (f *fields) object(u *unstructured.Unstructured, kind Kind) *Object {
	gvk := kind.GroupVersionKind()
	metadata := f.mapping(u.Object["metadata"], "metadata")
	o := &Object{
		Ref: Ref{
			Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind,
			Namespace: f.text(metadata["namespace"], "metadata.namespace"),
			Name:      f.text(metadata["name"], "metadata.name"),
			UID:       f.text(metadata["uid"], "metadata.uid"),
		},
		ResourceVersion: f.text(metadata["resourceVersion"], "metadata.resourceVersion"),
		Labels:          f.table(metadata["labels"], "metadata.labels"),
		Annotations:     f.table(metadata["annotations"], "metadata.annotations"),
	}
	if metadata != nil {
		o.Created = u.GetCreationTimestamp().UTC()
		o.Deleting = u.GetDeletionTimestamp() != nil
	}
	return o
}

// metadataReads are the paths that object reads.
func metadataReads() []string {
	return []string{"metadata.labels", "metadata.annotations", "metadata.creationTimestamp", "metadata.deletionTimestamp"}
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func typeName(value any) string {
	switch value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	}
	return "a number"
}
