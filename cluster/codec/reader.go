package codec

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Reader makes of the JSON of an object what is kept of it, which has the object's name. It
// must not keep the JSON. Where it gives an error, the object is decoded in its place.
type Reader func(object []byte) (metav1.ObjectMetaAccessor, error)

// Read gives what a [Reader] made of an object, if one read it. Of the object itself there is
// no more than namespace, name and resourceVersion.
func Read(object *unstructured.Unstructured) (any, bool) {
	kept, found := object.Object[keptKey]
	return kept, found
}

// keptKey is no name that a field can have.
const keptKey = "."

// read gives the object that stands for what the reader made of it, nil for what has no name:
// a bookmark, the API server's Status.
func (o objects) read(data []byte) runtime.Object {
	kept, err := o.reader(data)
	if err != nil {
		return nil
	}
	metadata := kept.GetObjectMeta()
	if metadata.GetName() == "" {
		return nil
	}
	return &unstructured.Unstructured{Object: map[string]any{keptKey: kept, "metadata": map[string]any{
		"namespace": metadata.GetNamespace(), "name": metadata.GetName(), "resourceVersion": metadata.GetResourceVersion(),
	}}}
}
