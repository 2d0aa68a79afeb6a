package codec

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// objects decodes single objects and lists to their unstructured form, and the API
// server's Status to its own type. It encodes as the serializer in it does.
type objects struct {
	runtime.Serializer
	selected fields
	reader   Reader
}

var statusKind = metav1.Unversioned.WithKind("Status")

// Decode reads one object. Into is nil, an object or a list, all unstructured; with any
// other, and where nothing is asked for and a Status or no kind is found, client-go's own
// serializer decides.
func (o objects) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	target, isUnstructured := into.(runtime.Unstructured)
	if into != nil && !isUnstructured {
		return o.Serializer.Decode(data, defaults, into)
	}
	if o.reader != nil && into == nil {
		if object := o.read(data); object != nil {
			return object, nil, nil
		}
	}
	content, err := o.content(data, into)
	if err != nil {
		return nil, nil, fmt.Errorf("an object of the API server can't be read: %w", err)
	}
	gvk := kindOf(content)
	switch {
	case into == nil && (gvk.Kind == "" || gvk == statusKind):
		return o.Serializer.Decode(data, defaults, nil)
	case gvk.Kind == "":
		return nil, &gvk, runtime.NewMissingKindErr(string(data))
	case into == nil:
		target = &unstructured.Unstructured{}
	}
	target.SetUnstructuredContent(content)
	if list, isList := target.(*unstructured.UnstructuredList); isList {
		complete(list, gvk)
	}
	return target, &gvk, nil
}

// content is that of an object, or of a list whose items the reader, if there is one, makes.
func (o objects) content(data []byte, into runtime.Object) (map[string]any, error) {
	if _, isList := into.(*unstructured.UnstructuredList); isList && o.reader != nil {
		return o.readList(data)
	}
	return read(data, o.selected)
}

func kindOf(content map[string]any) schema.GroupVersionKind {
	version, _ := content["apiVersion"].(string)
	kind, _ := content["kind"].(string)
	return schema.FromAPIVersionAndKind(version, kind)
}

// complete gives the items of a list their kind, which the API server leaves out where
// the type is built in.
func complete(list *unstructured.UnstructuredList, gvk schema.GroupVersionKind) {
	delete(list.Object, "items")
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	for i := range list.Items {
		if item := &list.Items[i]; item.GetKind() == "" && item.GetAPIVersion() == "" {
			item.SetGroupVersionKind(gvk)
		}
	}
}
