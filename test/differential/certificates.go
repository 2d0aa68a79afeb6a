package differential

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// certificates are those of one namespace, by name, each reduced to what somebody decides:
// metadata (labels, annotations, ownerReferences) and spec, without empty maps and lists.
type certificates map[string]map[string]any

// put takes a Certificate in, typed or not.
func (c certificates) put(object runtime.Object) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("a Certificate: %w", err)
	}
	name, _, _ := unstructured.NestedString(content, "metadata", "name")
	c[name] = reduced(content)
	return nil
}

func reduced(content map[string]any) map[string]any {
	metadata, _ := content["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, field := range []string{"labels", "annotations", "ownerReferences"} {
		if value, found := metadata[field]; found {
			kept[field] = value
		}
	}
	out, _ := full(map[string]any{"metadata": kept, "spec": content["spec"]}).(map[string]any)
	return out
}

// full is a copy of a value without nulls, empty maps and empty lists; nil for such a one.
func full(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			if item := full(item); item != nil {
				out[key] = item
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		var out []any
		for _, item := range v {
			out = append(out, full(item))
		}
		if len(out) > 0 {
			return out
		}
		return nil
	}
	return value
}

func (c certificates) clone() certificates {
	out := certificates{}
	for name, content := range c {
		out[name] = runtime.DeepCopyJSON(content)
	}
	return out
}

func (c certificates) names() []string { return slices.Sorted(maps.Keys(c)) }

// at gives the map at a path of a Certificate, nil where there is none.
func at(certificate map[string]any, path ...string) map[string]any {
	for _, step := range path {
		certificate, _ = certificate[step].(map[string]any)
	}
	return certificate
}

// set puts a value at a path, or takes it away where the value is nil; maps come and go as needed.
func set(certificate map[string]any, value any, path ...string) {
	inner, _ := certificate[path[0]].(map[string]any)
	switch {
	case len(path) > 1:
		if inner == nil {
			inner = map[string]any{}
		}
		set(inner, value, path[1:]...)
		if len(inner) == 0 {
			delete(certificate, path[0])
		} else {
			certificate[path[0]] = inner
		}
	case full(value) == nil:
		delete(certificate, path[0])
	default:
		certificate[path[0]] = runtime.DeepCopyJSONValue(value)
	}
}

// get gives the value at a path, nil where there is none.
func get(certificate map[string]any, path ...string) any {
	last := len(path) - 1
	return at(certificate, path[:last]...)[path[last]]
}

// list gives the texts at a path of a Certificate.
func list(certificate map[string]any, path ...string) []string {
	items, _ := get(certificate, path...).([]any)
	var out []string
	for _, item := range items {
		text, _ := item.(string)
		out = append(out, text)
	}
	return out
}
