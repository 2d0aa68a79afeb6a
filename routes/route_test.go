package routes_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

func read(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	return object
}

const full = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, generation: 3, creationTimestamp: "2026-11-27T10:00:00Z"}
spec:
  hostnames: [a.example.com, "*.example.com"]
  parentRefs:
  - name: edge
  - {name: edge, namespace: infra, sectionName: https, port: 443}
  - {group: "", kind: Service, name: web}
status:
  parents:
  - parentRef: {name: edge, namespace: infra, sectionName: https, port: 443}
    conditions: [{type: ResolvedRefs, status: "True", observedGeneration: 3}, {type: Accepted, status: "False", observedGeneration: 3}]
  - parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: edge}
    conditions: [{type: Accepted, status: "True", observedGeneration: 3}]
`

func TestReduce(t *testing.T) {
	gateway := source.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}
	got := routes.Reduce(routes.HTTPRoute, read(t, full))
	want := routes.Route{
		Kind: routes.HTTPRoute, Namespace: "shop", Name: "web", Created: time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC),
		Hostnames: []string{"a.example.com", "*.example.com"},
		Parents: []routes.Parent{
			{Kind: gateway, Namespace: "shop", Name: "edge"},
			{Kind: gateway, Namespace: "infra", Name: "edge", Section: "https", Port: 443, Refused: true},
			{Kind: source.GroupKind{Kind: "Service"}, Namespace: "shop", Name: "web"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, want\n%+v", got, want)
	}
}

// A status is believed only if it is about the route as it is, and if nobody says otherwise.
func TestRefusals(t *testing.T) {
	entry := func(status string, generation int) string {
		text, _ := json.Marshal(map[string]any{
			"parentRef":  map[string]any{"name": "edge"},
			"conditions": []any{map[string]any{"type": "Accepted", "status": status, "observedGeneration": generation}},
		})
		return string(text)
	}
	for _, row := range []struct {
		parents string
		refused bool
	}{
		{``, false},
		{entry("False", 3), true},
		{entry("False", 2), false},
		{entry("Unknown", 3), false},
		{entry("True", 3), false},
		{entry("False", 3) + "," + entry("False", 3), true},
		{entry("False", 3) + "," + entry("True", 3), false},
		{entry("False", 3) + "," + entry("False", 1), false},
		{`{"parentRef": {"name": "edge"}, "conditions": []}`, false},
		{`{"parentRef": {"name": "edge", "sectionName": "https"}, "conditions": [{"type": "Accepted", "status": "False", "observedGeneration": 3}]}`, false},
		{`{"parentRef": {"name": "other"}, "conditions": [{"type": "Accepted", "status": "False", "observedGeneration": 3}]}`, false},
	} {
		object := read(t, `{"metadata": {"namespace": "shop", "generation": 3}, "spec": {"parentRefs": [{"name": "edge"}]}, "status": {"parents": [`+row.parents+`]}, "kind": "HTTPRoute"}`)
		if got := routes.Reduce(routes.HTTPRoute, object).Parents[0].Refused; got != row.refused {
			t.Errorf("%s: refused is %v", row.parents, got)
		}
	}
}

func TestRoutesThatDontCount(t *testing.T) {
	for name, metadata := range map[string]string{
		"being deleted":    `{namespace: shop, name: web, deletionTimestamp: "2026-11-27T10:00:00Z"}`,
		"an ACME solver's": `{namespace: shop, name: web, labels: {acme.cert-manager.io/http01-solver: "true"}}`,
	} {
		r := routes.Reduce(routes.HTTPRoute, read(t, `{kind: HTTPRoute, metadata: `+metadata+`, spec: {hostnames: [a.example.com], parentRefs: [{name: edge}]}}`))
		if len(r.Parents)+len(r.Hostnames) > 0 {
			t.Errorf("one that is %s counts: %+v", name, r)
		}
	}
}

// Whatever a document has in the place of a route, reading it ends, and gives no more than the bounds.
func FuzzReduce(f *testing.F) {
	for _, seed := range []string{full, `{"kind": "HTTPRoute", "spec": {"parentRefs": [{"port": 1e30}, 2, null], "hostnames": {"a": 1}}, "status": []}`} {
		content, err := yaml.YAMLToJSON([]byte(seed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		object := &unstructured.Unstructured{}
		if object.UnmarshalJSON(content) != nil {
			return
		}
		r := routes.Reduce(routes.HTTPRoute, object)
		if len(r.Parents) > 32 || len(r.Hostnames) > 1024 {
			t.Errorf("%d parents and %d hostnames", len(r.Parents), len(r.Hostnames))
		}
		for _, hostname := range r.Hostnames {
			for _, listener := range []string{"", "*.example.com", hostname} {
				both, meet := routes.Intersect(listener, hostname)
				back, meets := routes.Intersect(hostname, listener)
				if meet != meets || len(both) != len(back) {
					t.Errorf("%q and %q meet at %q, %v, and turned round at %q, %v", listener, hostname, both, meet, back, meets)
				}
			}
		}
	})
}
