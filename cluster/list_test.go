package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
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

func TestNamespacesWithAnObjectOfAName(t *testing.T) {
	var requests []*http.Request
	connection := connected(t, pages(t, &requests))
	got, err := connection.NamespacesWith(t.Context(), resourceOf("a"), "one", []string{"shop"})
	if err != nil || !slices.Equal(got, []string{"shop", "shop"}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, r := range requests {
		if r.URL.Path != "/apis/g.a/v1/namespaces/shop/a" || r.URL.Query().Get("fieldSelector") != "metadata.name=one" {
			t.Errorf("asked is %s", r.URL)
		}
	}
	requests = nil
	if _, err := connection.NamespacesWith(t.Context(), resourceOf("a"), "one", nil); err != nil || requests[0].URL.Path != "/apis/g.a/v1/a" {
		t.Errorf("in all namespaces: %v, asked is %v", err, requests[0].URL)
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

// Where metadata is enough, the server is asked for no more: of a list by the kind for lists, of
// a watch by that for objects, as it refuses either in the other's place.
func TestTheServerIsAskedForWhatIsRead(t *testing.T) {
	for _, row := range []struct {
		paths       []string
		list, watch string
	}{
		{nil, "", ""},
		{[]string{"metadata", "spec"}, "", ""},
		{[]string{}, "PartialObjectMetadataList", "PartialObjectMetadata"},
		{[]string{"metadata.labels"}, "PartialObjectMetadataList", "PartialObjectMetadata"},
	} {
		var requests []*http.Request
		client, err := connected(t, pages(t, &requests)).Dynamic(row.paths, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range []dynamic.ResourceInterface{client.Resource(resourceOf("a")), client.Resource(resourceOf("a")).Namespace("shop")} {
			requests = nil
			if _, err := resource.List(t.Context(), metav1.ListOptions{}); err != nil {
				t.Fatal(err)
			}
			stream, err := resource.Watch(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			stream.Stop()
			for i, want := range []string{row.list, row.watch} {
				_, as, _ := strings.Cut(requests[i].Header.Get("Accept"), ";as=")
				if got, _, _ := strings.Cut(as, ";"); got != want {
					t.Errorf("%v, %s: accepted is %q, want %q", row.paths, requests[i].URL, got, want)
				}
			}
		}
	}
}
