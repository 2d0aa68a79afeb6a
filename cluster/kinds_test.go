package cluster

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster/codec"
	"github.com/certshim/certshim/source"
)

const fullMetadata = `
metadata:
  name: web
  namespace: shop
  uid: 0f1e
  resourceVersion: "7"
  creationTimestamp: "2026-01-02T03:04:05Z"
  deletionTimestamp: "2026-02-02T03:04:05Z"
  labels: {app: web}
  annotations: {cert-manager.io/issuer: ca}
  managedFields: [{manager: helm, operation: Update}]
  finalizers: [example.com/f]
`

const fullStatus = `
status:
  listeners:
  - {name: http, conditions: [{type: ResolvedRefs, status: "True", reason: ResolvedRefs}, {type: Accepted, status: "True"}]}
  - {name: https, conditions: [{type: ResolvedRefs, status: "False"}, {type: Accepted, status: "True"}]}
`

const fullListeners = `
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: bare, port: 443, protocol: TLS, tls: {options: {a: b}}}
  - name: https
    port: 443
    protocol: HTTPS
    hostname: a.example.com
    tls: {mode: Passthrough, options: {a: b}, certificateRefs: [{group: g, kind: Secret, name: web, namespace: other}]}
    allowedRoutes: {namespaces: {from: All}}
`

// full gives an object with every field of its kind that certshim reads, and others.
func full(t *testing.T, kind source.Kind) *unstructured.Unstructured {
	t.Helper()
	specs := map[string]string{
		"Ingress": `
  ingressClassName: nginx
  tls: [{hosts: [a.example.com], secretName: web}]
  rules: [{host: a.example.com}]
`,
		"Gateway": fullListeners + `
  gatewayClassName: envoy
  tls: {backend: {clientCertificateRef: {name: client}}}
  allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}
  addresses: [{value: 10.0.0.1}]
`,
		"ListenerSet": fullListeners + `
  parentRef: {group: gateway.networking.k8s.io, kind: Gateway, namespace: infra, name: edge}
`,
	}
	specs["XListenerSet"] = specs["ListenerSet"]
	spec, there := specs[kind.GroupVersionKind().Kind]
	if !there {
		t.Fatal("there is no full object of this kind: add one")
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(fullMetadata+"spec:"+spec+fullStatus), &object.Object); err != nil {
		t.Fatalf("the test's own manifest: %v", err)
	}
	object.SetGroupVersionKind(kind.GroupVersionKind())
	return object
}

func pruned(t *testing.T, object map[string]any, paths []string) map[string]any {
	t.Helper()
	selection, err := codec.Select(paths)
	if err != nil {
		t.Fatal(err)
	}
	object = (&unstructured.Unstructured{Object: object}).DeepCopy().Object
	selection.Prune(object)
	return object
}

// Of an object that is decoded by the paths of its kind, all is read that is read of it whole,
// and none of them is needless.
func TestAKindReadsThePathsThatItNames(t *testing.T) {
	for _, kind := range source.Builtin().All() {
		t.Run(kind.GroupVersionKind().Kind, func(t *testing.T) {
			whole := full(t, kind)
			want, err := kind.Reduce(whole)
			if err != nil {
				t.Fatal(err)
			}
			reduce := func(paths []string) *source.Object {
				got, err := kind.Reduce(&unstructured.Unstructured{Object: pruned(t, whole.Object, paths)})
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			if diff := cmp.Diff(want, reduce(kind.Reads())); diff != "" {
				t.Errorf("-whole +by its paths:\n%s", diff)
			}
			for i, path := range kind.Reads() {
				if cmp.Equal(want, reduce(slices.Delete(kind.Reads(), i, i+1))) {
					t.Errorf("nothing of %s is read", path)
				}
			}
		})
	}
}

func TestACertificateIsObservedByThePathsThatItNames(t *testing.T) {
	text, err := os.ReadFile("codec/testdata/certificate.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole unstructured.Unstructured
	if err := whole.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	whole.SetAnnotations(map[string]string{certificate.RoutesKey: "{}"})
	if err := unstructured.SetNestedField(whole.Object, int64(1), "status", "failedIssuanceAttempts"); err != nil {
		t.Fatal(err)
	}
	want := certificate.Observe(whole.Object)
	if diff := cmp.Diff(want, certificate.Observe(pruned(t, whole.Object, certificate.Reads()))); diff != "" {
		t.Errorf("-whole +by its paths:\n%s", diff)
	}
	for i, path := range certificate.Reads() {
		if cmp.Equal(want, certificate.Observe(pruned(t, whole.Object, slices.Delete(certificate.Reads(), i, i+1)))) {
			t.Errorf("nothing of %s is read", path)
		}
	}
}
