package source_test

import (
	"maps"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

func manifest(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("the test's own manifest: %v", err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(content); err != nil {
		t.Fatalf("the test's own manifest: %v", err)
	}
	return u
}

const anIngress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  uid: uid-1
  resourceVersion: "7"
  generation: 3
  creationTimestamp: "2026-01-02T03:04:05+01:00"
  labels: {app: web}
  annotations: {cert-manager.io/issuer: ca, empty: null}
spec:
  ingressClassName: nginx
  tls:
  - {hosts: [a.example.com, " b.example.com "], secretName: web-tls}
  - {}
`

func TestReduceIngress(t *testing.T) {
	want := &source.Object{
		Ref: source.Ref{
			Group: "networking.k8s.io", Version: "v1", Kind: "Ingress",
			Namespace: "shop", Name: "web", UID: "uid-1",
		},
		ResourceVersion: "7",
		Created:         time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC),
		Labels:          map[string]string{"app": "web"},
		Annotations:     map[string]string{"cert-manager.io/issuer": "ca", "empty": ""},
		Entries: []source.Entry{
			{
				Path: "spec.tls[0]", HasTLS: true, Hosts: []string{"a.example.com", "b.example.com"},
				Secrets: []source.SecretRef{{Path: "spec.tls[0].secretName", Kind: "Secret", Name: "web-tls"}},
			},
			{Path: "spec.tls[1]", HasTLS: true},
		},
	}
	got := reduce(t, manifest(t, anIngress))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.APIVersion() != "networking.k8s.io/v1" || (source.Ref{Version: "v1"}).APIVersion() != "v1" {
		t.Errorf("apiVersion %s", got.APIVersion())
	}
	object := problem.Object{Group: "networking.k8s.io", Kind: "Ingress", Namespace: "shop", Name: "web"}
	if got.Object() != object {
		t.Errorf("problems would carry %+v", got.Object())
	}
}

func TestReduceKnowsWhatIsBeingDeleted(t *testing.T) {
	u := manifest(t, anIngress)
	unstructured.SetNestedField(u.Object, "2026-01-02T03:04:05Z", "metadata", "deletionTimestamp")
	if !reduce(t, u).Deleting {
		t.Error("an object with a deletionTimestamp is being deleted")
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "deletionTimestamp")
	u.SetFinalizers([]string{"foregroundDeletion"})
	if reduce(t, u).Deleting {
		t.Error("a finalizer alone deletes nothing")
	}
}

func TestReduceGateway(t *testing.T) {
	other := "other"
	got := reduce(t, manifest(t, `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  listeners:
  - {name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: Same}}}
  - name: https
    hostname: a.example.com
    protocol: HTTPS
    port: 443
    allowedRoutes:
      namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}
      kinds: [{kind: HTTPRoute}, {group: "", kind: Odd}]
    tls:
      certificateRefs: [{name: web-tls}, {group: v1, kind: ConfigMap, namespace: other, name: far}]
  - {name: tls, protocol: TLS, tls: {mode: Passthrough}}
  allowedListeners: {namespaces: {from: All}}
`))
	want := &source.Object{
		Ref: source.Ref{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "Gateway", Namespace: "shop", Name: "edge"},
		Entries: []source.Entry{
			{Section: "http", Path: "spec.listeners[0]", Protocol: "HTTP", Port: 80},
			{
				Section: "https", Path: "spec.listeners[1]", Hosts: []string{"a.example.com"}, Protocol: "HTTPS", Mode: "Terminate", HasTLS: true,
				Port: 443, Routes: &source.AllowedRoutes{
					From: "Selector", Selector: "team=shop",
					Kinds: []source.GroupKind{{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}, {Kind: "Odd"}},
				},
				Secrets: []source.SecretRef{
					{Path: "spec.listeners[1].tls.certificateRefs[0]", Kind: "Secret", Name: "web-tls"},
					{Path: "spec.listeners[1].tls.certificateRefs[1]", Group: "v1", Kind: "ConfigMap", Namespace: &other, Name: "far"},
				},
			},
			{Section: "tls", Path: "spec.listeners[2]", Protocol: "TLS", Mode: "Passthrough", HasTLS: true},
		},
		Allowed: &source.AllowedListeners{From: "All"},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReduceListenerSetParent(t *testing.T) {
	tests := map[string]struct {
		ref  string
		want source.Parent
	}{
		"by name alone":  {"{name: edge}", source.Parent{Group: "gateway.networking.k8s.io", Kind: "Gateway", Namespace: "shop", Name: "edge"}},
		"all parts":      {"{group: g.io, kind: K, namespace: infra, name: edge}", source.Parent{Group: "g.io", Kind: "K", Namespace: "infra", Name: "edge"}},
		"the core group": {`{group: "", name: edge}`, source.Parent{Kind: "Gateway", Namespace: "shop", Name: "edge"}},
		"a null group":   {"{group: null, name: edge}", source.Parent{Group: "gateway.networking.k8s.io", Kind: "Gateway", Namespace: "shop", Name: "edge"}},
		"missing":        {"null", source.Parent{Group: "gateway.networking.k8s.io", Kind: "Gateway", Namespace: "shop"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := reduce(t, decode(t, source.ListenerSetKind, "parentRef: "+tt.ref))
			if got.Parent == nil || *got.Parent != tt.want {
				t.Errorf("got %+v, want %+v", got.Parent, tt.want)
			}
		})
	}
}

// What a Gateway names besides the certificates that it serves is known, and asks for nothing.
func TestOtherReferencesOfAGateway(t *testing.T) {
	other := "certs"
	object := reduce(t, decode(t, source.GatewayKind, `
listeners: [{name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: a-tls}]}}]
tls:
  backend: {clientCertificateRef: {name: client}}
  frontend:
    default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: roots}, {group: "", kind: Secret, name: authority, namespace: certs}]}}
    perPort: [{port: 8443, tls: {validation: {caCertificateRefs: [{group: "", kind: Secret, name: partners}, {group: example.com, kind: Secret, name: theirs}]}}}]
`))
	want := []source.SecretRef{
		{Path: "spec.tls.backend.clientCertificateRef", Kind: "Secret", Name: "client"},
		{Path: "spec.tls.frontend.default.validation.caCertificateRefs[1]", Kind: "Secret", Name: "authority", Namespace: &other},
		{Path: "spec.tls.frontend.perPort[0].tls.validation.caCertificateRefs[0]", Kind: "Secret", Name: "partners"},
	}
	if diff := cmp.Diff(want, object.Others); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	kind, _ := source.Builtin().Lookup(source.GatewayGroup, source.GatewayKind)
	asks := kind.Asks(object, source.Options{})
	if len(asks.Asks) != 1 || asks.Asks[0].Secret != "a-tls" || !asks.Problems.Empty() {
		t.Errorf("it asks for %v, and is told %v", asks.Asks, asks.Problems.All())
	}
	for _, at := range []types.NamespacedName{{Namespace: "shop", Name: "a-tls"}, {Namespace: "shop", Name: "client"}, {Namespace: "certs", Name: "authority"}, {Namespace: "shop", Name: "partners"}} {
		if !asks.Named[at] {
			t.Errorf("%s isn't named", at)
		}
	}
}

// A field of a wrong type is an error that names its path, and one pass finds them all.
func TestReduceFindsEveryWrongType(t *testing.T) {
	tests := map[string]struct {
		manifest string
		want     []string
	}{
		"Ingress": {
			`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: 1, uid: [], labels: [a], annotations: {b: 2, a: true, "c\nd": {}}}
spec: {tls: [{hosts: a, secretName: {}}, [], {hosts: [1, a.b, {}]}]}`,
			[]string{
				"metadata.namespace: must be a string, not a number: put it in quotes",
				"metadata.uid: must be a string, not a list",
				"metadata.labels: must be an object, not a list",
				`metadata.annotations["a"]: must be a string, not a boolean: put it in quotes (YAML reads y, yes, on, n, no and off as booleans, too)`,
				`metadata.annotations["b"]: must be a string, not a number: put it in quotes`,
				`metadata.annotations["c\nd"]: must be a string, not an object`,
				"spec.tls[0].hosts: must be a list, not a string",
				"spec.tls[0].secretName: must be a string, not an object",
				"spec.tls[1]: must be an object, not a list",
				"spec.tls[2].hosts[0]: must be a string, not a number: put it in quotes",
				"spec.tls[2].hosts[2]: must be a string, not an object",
			},
		},
		"Gateway": {
			`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  listeners: [{name: 1, protocol: 2, hostname: 3, tls: {mode: 4, certificateRefs: [5, {group: 6, kind: 7, namespace: 8, name: 9}]}}, {tls: x, port: "443", allowedRoutes: {namespaces: {from: 1}, kinds: [{group: 2, kind: 3}]}}, {port: 1.5}]
  tls: {backend: {clientCertificateRef: 10}, frontend: {default: {validation: []}, perPort: [11, {tls: {validation: {caCertificateRefs: {}}}}]}}
  allowedListeners: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Near}]}}}`,
			[]string{
				"spec.listeners[0].name: must be a string, not a number: put it in quotes",
				"spec.listeners[0].protocol: must be a string, not a number: put it in quotes",
				"spec.listeners[0].hostname: must be a string, not a number: put it in quotes",
				"spec.listeners[0].tls.mode: must be a string, not a number: put it in quotes",
				"spec.listeners[0].tls.certificateRefs[0]: must be an object, not a number",
				"spec.listeners[0].tls.certificateRefs[1].group: must be a string, not a number: put it in quotes",
				"spec.listeners[0].tls.certificateRefs[1].kind: must be a string, not a number: put it in quotes",
				"spec.listeners[0].tls.certificateRefs[1].name: must be a string, not a number: put it in quotes",
				"spec.listeners[0].tls.certificateRefs[1].namespace: must be a string, not a number: put it in quotes",
				"spec.listeners[1].port: must be a whole number, not a string",
				"spec.listeners[1].allowedRoutes.namespaces.from: must be a string, not a number: put it in quotes",
				"spec.listeners[1].allowedRoutes.kinds[0].group: must be a string, not a number: put it in quotes",
				"spec.listeners[1].allowedRoutes.kinds[0].kind: must be a string, not a number: put it in quotes",
				"spec.listeners[1].tls: must be an object, not a string",
				"spec.listeners[2].port: must be a whole number, not 1.5",
				`spec.allowedListeners.namespaces.selector: not a label selector: "Near" is not a valid label selector operator`,
				"spec.tls.backend.clientCertificateRef: must be an object, not a number",
				"spec.tls.frontend.default.validation: must be an object, not a list",
				"spec.tls.frontend.perPort[0]: must be an object, not a number",
				"spec.tls.frontend.perPort[1].tls.validation.caCertificateRefs: must be a list, not an object",
			},
		},
		"ListenerSet": {
			`
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: web}
spec: {listeners: {}, parentRef: {group: 1, kind: 2, namespace: 3, name: 4}}`,
			[]string{
				"spec.listeners: must be a list, not an object",
				"spec.parentRef.group: must be a string, not a number: put it in quotes",
				"spec.parentRef.kind: must be a string, not a number: put it in quotes",
				"spec.parentRef.namespace: must be a string, not a number: put it in quotes",
				"spec.parentRef.name: must be a string, not a number: put it in quotes",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, tt.manifest)
			kind, _ := source.Builtin().Lookup(u.GroupVersionKind().Group, u.GetKind())
			object, err := kind.Reduce(u)
			if err == nil || object != nil {
				t.Fatalf("got %+v, and no error", object)
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReduceTakesWhatIsMissing(t *testing.T) {
	for _, kind := range source.Builtin().All() {
		for name, object := range map[string]map[string]any{
			"no fields":     {},
			"null":          {"metadata": nil, "spec": nil},
			"no spec":       {"metadata": map[string]any{"name": "web"}},
			"wrong numbers": {"metadata": map[string]any{"generation": "x", "creationTimestamp": "yesterday"}},
		} {
			t.Run(kind.GroupVersionKind().Kind+" "+name, func(t *testing.T) {
				got, err := kind.Reduce(&unstructured.Unstructured{Object: object})
				if err != nil || got.Kind != kind.GroupVersionKind().Kind || len(kind.Asks(got, source.Options{}).Asks) > 0 {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
	}
}

// A reduced object keeps nothing of the document it came from alive: informers hold
// thousands of them, and a document is large.
func TestReduceSharesNoMemoryWithTheObject(t *testing.T) {
	document := strings.Repeat("x", 64) + "a.example.com" + "web-tls" + "label" + "value"
	at := func(from, n int) string { return document[from : from+n] }
	host, secret, key, value := at(64, 13), at(77, 7), at(84, 5), at(89, 5)
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"labels": map[string]any{key: value}},
		"spec":     map[string]any{"tls": []any{map[string]any{"hosts": []any{host}, "secretName": secret}}},
	}}
	kind, _ := source.Builtin().Lookup(source.IngressGroup, source.IngressKind)
	got, err := kind.Reduce(u)
	if err != nil {
		t.Fatal(err)
	}
	kept := []string{got.Entries[0].Hosts[0], got.Entries[0].Secrets[0].Name}
	for k, v := range maps.All(got.Labels) {
		kept = append(kept, k, v)
	}
	start := uintptr(unsafe.Pointer(unsafe.StringData(document)))
	for _, text := range kept {
		if p := uintptr(unsafe.Pointer(unsafe.StringData(text))); p >= start && p < start+uintptr(len(document)) {
			t.Errorf("%q is part of the document still", text)
		}
	}
}

func TestLookupKnowsTheThreeKindsByGroup(t *testing.T) {
	for _, kind := range source.Builtin().All() {
		gvk := kind.GroupVersionKind()
		found, known := source.Builtin().Lookup(gvk.Group, gvk.Kind)
		if !known || found != kind || found.Resources()[0].Group != gvk.Group || found.Resources()[0].Version != gvk.Version {
			t.Errorf("%s: got %v, %v", gvk, found, known)
		}
	}
	for i, want := range []string{"ingresses", "gateways", "listenersets"} {
		if got := source.Builtin().All()[i].Resources()[0].Resource; got != want {
			t.Errorf("the resource of %s is %s", want, got)
		}
	}
	for _, gk := range [][2]string{{"extensions", "Ingress"}, {"gateway.networking.k8s.io", "HTTPRoute"}, {"", "Gateway"}, {"networking.k8s.io", "ingress"}} {
		if _, known := source.Builtin().Lookup(gk[0], gk[1]); known {
			t.Errorf("%v is no kind of source", gk)
		}
	}
}

func TestAKindIsNamedAloneOrWithItsGroup(t *testing.T) {
	kind := source.GroupKind{Group: "gateway.networking.k8s.io", Kind: "Gateway"}
	for name, want := range map[string]bool{
		"Gateway": true, "Gateway.gateway.networking.k8s.io": true, "Gateway.networking.istio.io": false,
		"gateway": false, "Ingress": false, "Gateway.": false,
	} {
		if kind.NamedIn([]string{"Other", name}) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}
