package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	"k8s.io/apimachinery/pkg/watch"
	restwatch "k8s.io/client-go/rest/watch"
)

func selecting(t testing.TB, paths []string) *Selection {
	t.Helper()
	selection, err := Select(paths)
	if err != nil {
		t.Fatal(err)
	}
	return selection
}

func decoder(t testing.TB, paths []string) runtime.Decoder {
	t.Helper()
	return New(selecting(t, paths), nil).SupportedMediaTypes()[0].Serializer
}

func certificateJSON(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/certificate.json")
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

func TestAnObjectIsReadAsClientGoReadsItAndPruned(t *testing.T) {
	data := certificateJSON(t)
	for _, paths := range [][]string{nil, {}, {"spec"}, {"metadata", "spec.issuerRef.kind"}, {"spec.issuerRef", "absent.field", "metadata.labels"}} {
		var want, got unstructured.Unstructured
		if err := want.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		selecting(t, paths).Prune(want.Object)
		for _, into := range []runtime.Object{nil, &got} {
			object, gvk, err := decoder(t, paths).Decode(data, nil, into)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Object, object.(*unstructured.Unstructured).Object); diff != "" {
				t.Errorf("of %v, -client-go +codec:\n%s", paths, diff)
			}
			if *gvk != want.GroupVersionKind() {
				t.Errorf("kind %v, want %v", gvk, want.GroupVersionKind())
			}
		}
	}
}

func TestAListIsReadAsClientGoReadsItAndPruned(t *testing.T) {
	for name, data := range map[string]string{
		"items name their kind":  `{"apiVersion":"a/v1","items":[{"apiVersion":"a/v1","kind":"A","status":{"x":1}}],"kind":"AList","metadata":{"resourceVersion":"7"}}`,
		"items of a built-in":    `{"kind":"IngressList","apiVersion":"networking.k8s.io/v1","metadata":{"continue":"x","remainingItemCount":3},"items":[{"metadata":{"name":"a"},"status":{}},{"metadata":{"name":"b"}}]}`,
		"no items":               `{"kind":"IngressList","apiVersion":"networking.k8s.io/v1","metadata":{}}`,
		"null items":             `{"kind":"IngressList","apiVersion":"networking.k8s.io/v1","items":null}`,
		"a field named like one": `{"kind":"BList","apiVersion":"v1","items":[{"spec":{"items":[{"status":1}]}}]}`,
	} {
		for _, paths := range [][]string{nil, {}, {"spec"}} {
			var want, got unstructured.UnstructuredList
			if err := want.UnmarshalJSON([]byte(data)); err != nil {
				t.Fatal(name, err)
			}
			for i := range want.Items {
				selecting(t, paths).Prune(want.Items[i].Object)
			}
			if _, _, err := decoder(t, paths).Decode([]byte(data), nil, &got); err != nil {
				t.Fatal(name, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, of %v, -client-go +codec:\n%s", name, paths, diff)
			}
		}
	}
}

func TestAStatusKeepsItsType(t *testing.T) {
	data := []byte(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","reason":"Expired","code":410}`)
	object, _, err := decoder(t, []string{}).Decode(data, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, ok := object.(*metav1.Status)
	if !ok || status.Status != metav1.StatusFailure || status.Code != 410 {
		t.Errorf("got %#v", object)
	}
}

func TestWhatIsNoObjectIsAnError(t *testing.T) {
	for _, data := range []string{``, `null`, `[]`, `"x"`, `{`, `{"kind":"A"`, `{"kind":"A","apiVersion":"v1"}x`, `{"kind":"A","apiVersion":"v1"} {}`, `{"apiVersion":"v1"}`, `{"kind":"A","n":1e999}`} {
		if object, _, err := decoder(t, nil).Decode([]byte(data), nil, &unstructured.Unstructured{}); err == nil {
			t.Errorf("%s gave %v, want an error", data, object)
		}
	}
}

// watching gives the events of a stream as a watch of client-go reads them.
func watching(t testing.TB, stream io.Reader, paths []string) *restwatch.Decoder {
	t.Helper()
	media := New(selecting(t, paths), nil).SupportedMediaTypes()[0]
	frames := media.StreamSerializer.NewFrameReader(io.NopCloser(stream))
	return restwatch.NewDecoder(streaming.NewDecoder(frames, media.StreamSerializer.Serializer), media.Serializer)
}

func TestAWatchIsCutIntoItsEvents(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	stream := `{"type":"ADDED","object":{"kind":"A","apiVersion":"a/v1","metadata":{"name":"one"},"status":{"x":1}}}
{"object":{"kind":"A","apiVersion":"a/v1","metadata":{"name":"` + long + `"}},"type":"MODIFIED","more":[1]}
{"type":"BOOKMARK","object":{"kind":"A","apiVersion":"a/v1","metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}
{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410}}
`
	w := watching(t, iotestOneByte{strings.NewReader(stream)}, []string{})
	for _, want := range []struct {
		event watch.EventType
		name  string
	}{{watch.Added, "one"}, {watch.Modified, long}, {watch.Bookmark, ""}} {
		event, object, err := w.Decode()
		if err != nil {
			t.Fatal(err)
		}
		got := object.(*unstructured.Unstructured)
		if event != want.event || got.GetName() != want.name || got.Object["status"] != nil {
			t.Errorf("got %s %.80v, want %s %.20s", event, got.Object, want.event, want.name)
		}
	}
	event, object, err := w.Decode()
	if status, ok := object.(*metav1.Status); err != nil || event != watch.Error || !ok || status.Code != 410 {
		t.Errorf("got %s %v, %v", event, object, err)
	}
	if _, _, err := w.Decode(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last event came %v, want EOF", err)
	}
}

// iotestOneByte gives one byte at a time, as a slow connection does.
type iotestOneByte struct{ io.Reader }

func (r iotestOneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1)]) }

func TestAStreamThatBreaksIsAnError(t *testing.T) {
	for _, stream := range []string{
		`{"type":"ADDED","object":{"kind":"A"`, `nonsense`, `[]`, `{"type":1,"object":{}}`, `{"type":"ADDED"}`,
		`{"type":"SOMETHING","object":{"kind":"A","apiVersion":"v1"}}`, `{"type":"ADDED","object":[]}`,
	} {
		if event, object, err := watching(t, strings.NewReader(stream), nil).Decode(); err == nil {
			t.Errorf("%s gave %s %v, want an error", stream, event, object)
		}
	}
}

// broken is a stream that ends with an error.
type broken struct {
	io.Reader
	err error
}

func (r broken) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = r.err
	}
	return n, err
}

// client-go compares these by ==, and takes the watch up again without a new list.
func TestAConnectionThatBreaksIsToldByItsOwnError(t *testing.T) {
	reset := errors.New("connection reset by peer")
	for _, c := range []struct {
		stream    string
		err, want error
	}{
		{"", io.EOF, io.EOF}, {"\n", io.EOF, io.EOF},
		{`{"type":"ADDED","object":{"kind":"A"`, io.EOF, io.ErrUnexpectedEOF},
		{"", reset, reset}, {`{"type":"ADDED","object":{"kind":"A"`, reset, reset},
	} {
		_, _, err := watching(t, broken{strings.NewReader(c.stream), c.err}, nil).Decode()
		_, _, stockErr := stock(broken{strings.NewReader(c.stream), c.err}).Decode()
		if err != c.want || stockErr != c.want { //nolint:errorlint // client-go compares them so
			t.Errorf("%q and then %v: codec %v, client-go %v, want %v", c.stream, c.err, err, stockErr, c.want)
		}
	}
}

// FuzzDecode holds the decoder against client-go's own.
func FuzzDecode(f *testing.F) {
	f.Add(certificateJSON(f))
	for _, seed := range []string{
		`{"kind":"A","status":{"a":[1,-0,1.5,1e3,9223372036854775808,null,true,"\u00e9\ud83d\ude00\n"]},"kind":"B"}`,
		"{\"kind\":\"\xff\xfe\\ud800\",\"a\":{\"a\":1},\"a\":{\"b\":2}}", `{"kind":"A","items":[{"status":1},2]}`,
		`{"kind":"A","items":[1],"items":{}}`, `{"kind":"A","items":{},"items":[{"spec":{"a":1,"b":2}}]}`, `{"kind":"A","metadata":1,"spec":[{"a":1,"b":[]},[{"b":1}]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want, got unstructured.Unstructured
		wantErr := want.UnmarshalJSON(data)
		_, _, err := decoder(t, nil).Decode(data, nil, &got)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("client-go: %v, codec: %v", wantErr, err)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(want.Object, got.Object); diff != "" {
			t.Fatalf("-client-go +codec:\n%s", diff)
		}
		paths := []string{"spec.a", "status", "metadata.labels"}
		if _, _, err := decoder(t, paths).Decode(data, nil, &got); err != nil {
			t.Fatal(err)
		}
		selecting(t, paths).Prune(want.Object)
		if diff := cmp.Diff(want.Object, got.Object); diff != "" {
			t.Fatalf("-pruned +codec:\n%s", diff)
		}
	})
}

func BenchmarkWatch(b *testing.B) {
	event := append(append([]byte(`{"type":"MODIFIED","object":`), certificateJSON(b)...), "}\n"...)
	b.Run("codec", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		b.ReportAllocs()
		w := watching(b, &endless{event: event}, []string{"metadata", "spec"})
		for b.Loop() {
			if _, _, err := w.Decode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("client-go", func(b *testing.B) {
		b.SetBytes(int64(len(event)))
		b.ReportAllocs()
		w := stock(&endless{event: event})
		for b.Loop() {
			if _, _, err := w.Decode(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
