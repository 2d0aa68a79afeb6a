package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

const issuerKey = "cert-manager.io/issuer"

// step is a value of an annotation and the Certificate field that it leads to.
type step struct {
	value string
	want  any
}

// words is a list as unstructured objects hold it.
func words(items ...any) []any { return items }

// Every annotation: made with one value, edited to another, removed again.
var everyAnnotation = []struct {
	key, path string
	// with are other annotations that it needs.
	with          annotations
	first, second step
	// after is the value when the annotation is gone; nil means none.
	after any
}{
	{key: "cert-manager.io/common-name", path: "spec|commonName", first: step{"a.example.com", "a.example.com"}, second: step{"b.example.com", "b.example.com"}},
	{key: "cert-manager.io/alt-names", path: "spec|dnsNames", first: step{"b.example.com", words("a.example.com", "b.example.com")},
		second: step{"c.example.com, b.example.com", words("a.example.com", "c.example.com", "b.example.com")}, after: words("a.example.com")},
	{key: "cert-manager.io/ip-sans", path: "spec|ipAddresses", first: step{"10.0.0.1", words("10.0.0.1")}, second: step{"10.0.0.1, ::1", words("10.0.0.1", "::1")}},
	{key: "cert-manager.io/uri-sans", path: "spec|uris", first: step{"spiffe://a/b", words("spiffe://a/b")}, second: step{"spiffe://a/c", words("spiffe://a/c")}},
	{key: "cert-manager.io/email-sans", path: "spec|emailAddresses", first: step{"a@example.com", words("a@example.com")}, second: step{"b@example.com", words("b@example.com")}},
	{key: "cert-manager.io/subject-organizations", path: "spec|subject|organizations", first: step{`"A, B"`, words("A, B")}, second: step{"C", words("C")}},
	{key: "cert-manager.io/subject-organizationalunits", path: "spec|subject|organizationalUnits", first: step{"A", words("A")}, second: step{"B", words("B")}},
	{key: "cert-manager.io/subject-countries", path: "spec|subject|countries", first: step{"DE", words("DE")}, second: step{"FR", words("FR")}},
	{key: "cert-manager.io/subject-provinces", path: "spec|subject|provinces", first: step{"A", words("A")}, second: step{"B", words("B")}},
	{key: "cert-manager.io/subject-localities", path: "spec|subject|localities", first: step{"A", words("A")}, second: step{"B", words("B")}},
	{key: "cert-manager.io/subject-postalcodes", path: "spec|subject|postalCodes", first: step{"1", words("1")}, second: step{"2", words("2")}},
	{key: "cert-manager.io/subject-streetaddresses", path: "spec|subject|streetAddresses", first: step{"A", words("A")}, second: step{"B", words("B")}},
	{key: "cert-manager.io/subject-serialnumber", path: "spec|subject|serialNumber", first: step{"1", "1"}, second: step{"2", "2"}},
	{key: "cert-manager.io/duration", path: "spec|duration", first: step{"2000h", "2000h0m0s"}, second: step{"3000h", "3000h0m0s"}},
	{key: "cert-manager.io/renew-before", path: "spec|renewBefore", first: step{"100h", "100h0m0s"}, second: step{"200h", "200h0m0s"}},
	{key: "cert-manager.io/renew-before-percentage", path: "spec|renewBeforePercentage", first: step{"30", int64(30)}, second: step{"40", int64(40)}},
	{key: "cert-manager.io/usages", path: "spec|usages", first: step{"server auth", words("server auth")},
		second: step{"server auth, client auth", words("server auth", "client auth")}, after: words("digital signature", "key encipherment")},
	{key: "cert-manager.io/revision-history-limit", path: "spec|revisionHistoryLimit", first: step{"2", int64(2)}, second: step{"3", int64(3)}},
	{key: "cert-manager.io/private-key-algorithm", path: "spec|privateKey|algorithm", first: step{"ECDSA", "ECDSA"}, second: step{"Ed25519", "Ed25519"}},
	{key: "cert-manager.io/private-key-encoding", path: "spec|privateKey|encoding", first: step{"PKCS8", "PKCS8"}, second: step{"PKCS1", "PKCS1"}},
	{key: "cert-manager.io/private-key-size", path: "spec|privateKey|size", first: step{"3072", int64(3072)}, second: step{"4096", int64(4096)}},
	{key: "cert-manager.io/private-key-rotation-policy", path: "spec|privateKey|rotationPolicy", first: step{"Never", "Never"}, second: step{"Always", "Always"}},
	{key: "cert-manager.io/secret-template", path: "spec|secretTemplate|labels|a", first: step{`{"labels":{"a":"1"}}`, "1"}, second: step{`{"labels":{"a":"2"}}`, "2"}},
	{key: "acme.cert-manager.io/http01-ingress-class", path: "metadata|annotations|acme.cert-manager.io/http01-override-ingress-class", first: step{"a", "a"}, second: step{"b", "b"}},
	{key: "acme.cert-manager.io/http01-ingress-ingressclassname", path: "metadata|annotations|acme.cert-manager.io/http01-override-ingress-ingressclassname", first: step{"a", "a"}, second: step{"b", "b"}},
	{key: "acme.cert-manager.io/http01-edit-in-place", path: "metadata|annotations|cert-manager.io/issue-temporary-certificate", first: step{"true", "true"}, second: step{"false", nil}},
	{key: "example.com/owner", path: "metadata|annotations|example.com/owner", first: step{"a", "a"}, second: step{"b", "b"}},
	{key: "cert-manager.io/issuer-kind", path: "spec|issuerRef|kind", first: step{"ClusterIssuer", "ClusterIssuer"}, second: step{"Issuer", "Issuer"}, after: "Issuer"},
	{key: "cert-manager.io/issuer-group", path: "spec|issuerRef|group", with: annotations{"cert-manager.io/issuer-kind": "StepIssuer"},
		first: step{"certmanager.step.sm", "certmanager.step.sm"}, second: step{"other.example.com", "other.example.com"}, after: "certmanager.step.sm"},
}

func TestEveryAnnotationArrivesChangesAndLeaves(t *testing.T) {
	namespace := shared.Namespace(t)
	shared.Issuer(t, namespace, "ca")
	for i, tt := range everyAnnotation {
		t.Run(tt.key, func(t *testing.T) {
			name := fmt.Sprintf("web-%d", i)
			certificates := shared.Watch(t, cluster.Certificates(), namespace)
			set := annotations{issuerKey: "ca", tt.key: tt.first.value}
			for key, value := range tt.with {
				set[key] = value
			}
			shared.Apply(t, namespace, ingress(name, set, "a.example.com"))
			becomes := func(what string, want any) {
				t.Helper()
				certificates.Object(t, name+"-tls", fmt.Sprintf("to have %s = %v (%s)", tt.path, want, what), func(object *unstructured.Unstructured) bool {
					return reflect.DeepEqual(field(object, tt.path), want)
				})
			}
			becomes("created", tt.first.want)
			shared.annotate(t, ingresses, namespace, name, tt.key, &tt.second.value)
			becomes("edited", tt.second.want)
			shared.annotate(t, ingresses, namespace, name, tt.key, nil)
			becomes("removed", tt.after)
		})
	}
}

// TestEveryCharacterArrives has those that the API server's YAML parser, which reads an apply, would refuse or change.
func TestEveryCharacterArrives(t *testing.T) {
	const organization = "a\u0001b\u007fc\u0085d\u0091e\u2028f\u2029g\ufeffh\uffffÄ漢🔐"
	namespace := shared.Namespace(t)
	certificates := shared.Watch(t, cluster.Certificates(), namespace)
	shared.Apply(t, namespace, ingress("web", annotations{issuerKey: "ca"}, "a.example.com"))
	value, err := json.Marshal(organization)
	if err != nil {
		t.Fatal(err)
	}
	shared.patch(t, ingresses, namespace, "web",
		fmt.Sprintf(`{"metadata":{"annotations":{"cert-manager.io/subject-organizations":%s}}}`, value))
	certificates.Object(t, "web-tls", "to have the organization", func(c *unstructured.Unstructured) bool {
		return reflect.DeepEqual(field(c, "spec|subject|organizations"), words(organization))
	})
}

func TestSignedForTheRightNamesByTheRightCA(t *testing.T) {
	namespace := shared.Namespace(t)
	ca := shared.Issuer(t, namespace, "ca")
	company := shared.ClusterIssuer(t, "default")
	secrets := shared.Watch(t, cluster.Secrets(), namespace)

	shared.Apply(t, namespace, ingress("issuer", annotations{issuerKey: "ca"}, "a.example.com", "b.example.com"))
	shared.Apply(t, namespace, ingress("cluster-issuer", annotations{"cert-manager.io/cluster-issuer": "default"}, "c.example.com"))
	shared.Apply(t, namespace, ingress("auto", annotations{"kubernetes.io/tls-acme": "true"}, "d.example.com"))
	shared.Apply(t, namespace, gateway("edge", annotations{issuerKey: "ca", "cert-manager.io/ip-sans": "10.1.2.3"}, "e.example.com"))
	shared.Apply(t, namespace, listenerSet("team", "edge", annotations{"example.com/team": "a"}, "f.example.com"))

	secrets.Signed(t, "issuer-tls", ca, "a.example.com", "b.example.com")
	secrets.Signed(t, "cluster-issuer-tls", company, "c.example.com")
	secrets.Signed(t, "auto-tls", company, "d.example.com")
	secrets.Signed(t, "edge-tls", ca, "e.example.com", "10.1.2.3")
	secrets.Signed(t, "team-tls", ca, "f.example.com")
}
