package codec

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// reading gives a decoder with a reader that keeps the name and how long the object is, and
// refuses objects called odd.
func reading(t *testing.T) runtime.Decoder {
	t.Helper()
	reader := func(object []byte) (metav1.ObjectMetaAccessor, error) {
		var u unstructured.Unstructured
		if err := u.UnmarshalJSON(object); err != nil {
			return nil, err
		}
		if u.GetName() == "odd" {
			return nil, errors.New("odd")
		}
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: u.GetNamespace(), Name: u.GetName(), ResourceVersion: u.GetResourceVersion(), Generation: int64(len(object)),
		}}, nil
	}
	return New(selecting(t, []string{"spec"}), reader).SupportedMediaTypes()[0].Serializer
}

func TestAReaderMakesWhatIsKept(t *testing.T) {
	data := certificateJSON(t)
	object, _, err := reading(t).Decode(data, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	u := object.(*unstructured.Unstructured)
	kept, isRead := Read(u)
	if m, ok := kept.(*metav1.PartialObjectMetadata); !isRead || !ok || m.Generation != int64(len(data)) {
		t.Errorf("%v, %+v", isRead, kept)
	}
	var whole unstructured.Unstructured
	if err := whole.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	if u.GetNamespace() != whole.GetNamespace() || u.GetName() != whole.GetName() || u.GetResourceVersion() != whole.GetResourceVersion() {
		t.Errorf("%v", u.Object)
	}
}

func TestWhatAReaderDoesNotKeepIsDecoded(t *testing.T) {
	for name, data := range map[string]string{
		"a bookmark": `{"kind":"A","apiVersion":"a/v1","metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}`,
		"an error":   `{"kind":"A","apiVersion":"a/v1","metadata":{"name":"odd"},"spec":{"x":1}}`,
	} {
		got, _, err := reading(t).Decode([]byte(data), nil, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		want, _, err := decoder(t, []string{"spec"}).Decode([]byte(data), nil, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	status, _, err := reading(t).Decode([]byte(`{"kind":"Status","apiVersion":"v1","metadata":{},"code":410}`), nil, nil)
	if s, isStatus := status.(*metav1.Status); err != nil || !isStatus || s.Code != 410 {
		t.Errorf("%v, %v", status, err)
	}
	var into unstructured.Unstructured
	if _, _, err := reading(t).Decode(certificateJSON(t), nil, &into); err != nil || into.Object["spec"] == nil {
		t.Errorf("an object that is asked for is decoded: %v, %v", into.Object, err)
	}
}

// Of a list, the reader makes the items that it can read; the others are decoded as without it.
func TestAReaderReadsTheItemsOfAList(t *testing.T) {
	const list = `{"kind":"AList","apiVersion":"a/v1","metadata":{"continue":"more"},"items":[
		{"kind":"A","apiVersion":"a/v1","metadata":{"name":"one","namespace":"shop","resourceVersion":"7"},"spec":{"x":1}},
		{"metadata":{"name":"odd"},"spec":{"x":1},"status":{"y":2}}]}`
	var got unstructured.UnstructuredList
	if _, _, err := reading(t).Decode([]byte(list), nil, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 2 || got.GetContinue() != "more" {
		t.Fatalf("%d items, continue %q", len(got.Items), got.GetContinue())
	}
	one, odd := &got.Items[0], &got.Items[1]
	if _, isRead := Read(one); !isRead || one.GetName() != "one" || one.GetNamespace() != "shop" || one.GetResourceVersion() != "7" {
		t.Errorf("%t, %v", isRead, one.Object)
	}
	if _, isRead := Read(odd); isRead || odd.GetKind() != "A" || odd.Object["spec"] == nil || odd.Object["status"] != nil {
		t.Errorf("%t, %v", isRead, odd.Object)
	}
	for _, broken := range []string{`{"items":[{]}`, `{"items":[{"metadata":{"name":"odd"},"spec":nul}]}`, `[]`, `{"items":[]`} {
		if _, _, err := reading(t).Decode([]byte(broken), nil, &unstructured.UnstructuredList{}); err == nil {
			t.Errorf("%s is no error", broken)
		}
	}
}

// What is kept as JSON is decoded as it would have been at once, and doesn't depend on the buffer it came in.
func TestRawObjectsAreDecodedLater(t *testing.T) {
	text := []byte(`{"apiVersion":"v1","kind":"ThingList","items":[{"apiVersion":"v1","kind":"Thing","metadata":{"namespace":"shop","name":"a","resourceVersion":"7","labels":{"b":"c"}},"spec":{"n":1,"list":[{}, null, 1.5]}}]}`)
	content, err := objects{reader: KeepRaw}.readList(text)
	if err != nil {
		t.Fatal(err)
	}
	kept, isRead := Read(&unstructured.Unstructured{Object: content["items"].([]any)[0].(map[string]any)})
	raw, isRaw := kept.(*Raw)
	if !isRead || !isRaw || raw.GetNamespace() != "shop" || raw.GetName() != "a" || raw.GetResourceVersion() != "7" {
		t.Fatalf("kept is %#v", kept)
	}
	whole, err := read(bytes.Clone(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	got, err := raw.Decode()
	if want := whole["items"].([]any)[0]; err != nil || !reflect.DeepEqual(want, any(got)) {
		t.Errorf("%v, decoded is %v, want %v", err, got, want)
	}
	if _, err := KeepRaw([]byte(`{"metadata":`)); err == nil {
		t.Error("broken JSON is kept")
	}
}
