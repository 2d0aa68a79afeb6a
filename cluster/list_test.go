package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pages is an API server with a list in two pages.
func pages(t *testing.T, requests *[]*http.Request) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r)
		w.Header().Set("Content-Type", "application/json")
		next, name := `"continue":"more",`, "one"
		if r.URL.Query().Get("continue") == "more" {
			next, name = "", "two"
		}
		_, _ = fmt.Fprintf(w, `{"kind":"ThingList","apiVersion":"g.a/v1","metadata":{%s"resourceVersion":"1"},"items":[
			{"metadata":{"name":%q,"namespace":"shop"},"spec":{"a":1,"b":2},"status":{"c":3}}]}`, next, name)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestListGoesByPathsAndTransformPageByPage(t *testing.T) {
	var requests []*http.Request
	clients := connected(t, pages(t, &requests))
	r := Resource{GVR: resourceOf("a"), Paths: []string{"spec.a"}, Transform: func(o any) (any, error) {
		object := o.(*unstructured.Unstructured)
		return fmt.Sprintf("%s %s %v %v", object.GetKind(), object.GetName(), object.Object["spec"], object.Object["status"]), nil
	}}
	var got []string
	if err := List(t.Context(), clients, r, "shop", func(o any) error { got = append(got, o.(string)); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Thing one map[a:1] <nil>", "Thing two map[a:1] <nil>"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, r := range requests {
		if r.URL.Path != "/apis/g.a/v1/namespaces/shop/a" || r.URL.Query().Get("limit") == "" {
			t.Errorf("asked is %s", r.URL)
		}
	}
	requests, r.ClusterScoped, r.Transform = nil, true, nil
	if err := List(t.Context(), clients, r, "shop", func(any) error { return nil }); err != nil || requests[0].URL.Path != "/apis/g.a/v1/a" {
		t.Errorf("what is in no namespace: %v, asked is %v", err, requests[0].URL)
	}
}

func TestAListEndsWithTheFirstError(t *testing.T) {
	var requests []*http.Request
	clients := connected(t, pages(t, &requests))
	failure := errors.New("enough")
	r := Resource{GVR: resourceOf("a")}
	count := 0
	err := List(t.Context(), clients, r, "", func(any) error { count++; return failure })
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), "a.g.a") || count != 1 {
		t.Errorf("%v after %d objects", err, count)
	}
	r.Transform = func(any) (any, error) { return nil, failure }
	if err := List(t.Context(), clients, r, "", func(any) error { return nil }); !errors.Is(err, failure) {
		t.Errorf("of the transform: %v", err)
	}
	r.Paths = []string{"."}
	if err := List(t.Context(), clients, r, "", func(any) error { return nil }); err == nil {
		t.Error("paths that can't be meant are no error")
	}
	if err := List(t.Context(), connected(t, unreachable), Resource{GVR: resourceOf("a")}, "", func(any) error { return nil }); err == nil {
		t.Error("a server that doesn't answer is no error")
	}
}

// Where metadata is enough, the server is asked for no more.
func TestTheServerIsAskedForWhatIsRead(t *testing.T) {
	for _, row := range []struct {
		paths    []string
		metadata bool
	}{{nil, false}, {[]string{"metadata", "spec"}, false}, {[]string{}, true}, {[]string{"metadata.labels"}, true}} {
		var requests []*http.Request
		clients := connected(t, pages(t, &requests))
		if err := List(t.Context(), clients, Resource{GVR: resourceOf("a"), Paths: row.paths}, "", func(any) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if accept := requests[0].Header.Get("Accept"); strings.Contains(accept, "PartialObjectMetadata") != row.metadata {
			t.Errorf("%v: accepted is %s", row.paths, accept)
		}
	}
}
