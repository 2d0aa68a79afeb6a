package codec

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// Raw is an object as JSON, to be decoded later: a page of decoded objects takes ten times as much memory.
type Raw struct {
	metav1.ObjectMeta
	text []byte
}

// named is what a [Reader]'s result must have; it is never changed.
var named = fields{"metadata": fields{"namespace": nil, "name": nil, "resourceVersion": nil}}

// KeepRaw is a [Reader] that makes a *[Raw].
func KeepRaw(object []byte) (metav1.ObjectMetaAccessor, error) {
	content, err := read(object, named)
	if err != nil {
		return nil, err
	}
	about := unstructured.Unstructured{Object: content}
	return &Raw{
		ObjectMeta: metav1.ObjectMeta{Namespace: about.GetNamespace(), Name: about.GetName(), ResourceVersion: about.GetResourceVersion()},
		text:       bytes.Clone(object),
	}, nil
}

// Decode gives the whole object.
func (r *Raw) Decode() (map[string]any, error) { return read(r.text, nil) }

// readList gives a list, with what the reader makes of its items.
func (o objects) readList(data []byte) (map[string]any, error) {
	r := reader{tokens(bytes.NewBuffer(data))}
	if r.PeekKind() != jsontext.KindBeginObject {
		return read(data, o.selected)
	}
	content := map[string]any{}
	err := r.members(func(name string) (err error) {
		if name == "items" && r.PeekKind() == jsontext.KindBeginArray {
			content[name], err = o.items(r)
			return err
		}
		content[name], err = r.value(nil)
		return err
	})
	return content, err
}

func (o objects) items(r reader) ([]any, error) {
	items := []any{}
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	for r.PeekKind() != jsontext.KindEndArray {
		item, err := r.ReadValue()
		if err != nil {
			return nil, err
		}
		if kept := o.read(item); kept != nil {
			items = append(items, kept.Object)
			continue
		}
		content, err := read(item, o.selected)
		if err != nil {
			return nil, err
		}
		items = append(items, content)
	}
	_, err := r.ReadToken()
	return items, err
}

// read gives the object that stands for what the reader made of it, nil for what has no name:
// a bookmark, the API server's Status.
func (o objects) read(data []byte) *unstructured.Unstructured {
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
