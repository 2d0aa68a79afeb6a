package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

func plainPolicy(t *testing.T) *certshim.Policy {
	t.Helper()
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{}, shipped)
	if err != nil {
		t.Fatal(err)
	}
	return &certshim.Policy{Parser: annotations.NewParser(annotations.Options{}), Registry: registry, Kinds: source.Builtin()}
}

func ofDocument(kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": kind,
		"metadata": map[string]any{"namespace": "shop", "name": name}, "spec": spec,
	}}
}

// lookAt puts an Ingress in, and begins to look at it.
func lookAt(t *testing.T, i *Inventory) *Look {
	t.Helper()
	ingress, _ := source.Builtin().Lookup("networking.k8s.io", "Ingress")
	put(t, i.Sources(ingress), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": map[string]any{"namespace": "shop", "name": "web"},
	}})
	look := i.Look(NewKey(source.GroupKindOf(ingress), "shop", "web"))
	t.Cleanup(look.Close)
	return look
}

// A Certificate of a document stays whole, for there is no server to read it from.
func TestCertificatesOfDocumentsStayWhole(t *testing.T) {
	i := New(plainPolicy(t), Options{})
	look, intake := lookAt(t, i), i.WholeCertificates()
	seen := func() map[string]any {
		o, _ := look.Certificate("shop", "web-tls")
		return o.Live
	}
	first := ofDocument("Certificate", "web-tls", map[string]any{"secretName": "web-tls", "isCA": true})
	put(t, intake, first)
	if diff := cmp.Diff(first.Object, seen()); diff != "" {
		t.Error("(-want +got)", diff)
	}
	second := ofDocument("Certificate", "web-tls", map[string]any{"secretName": "web-tls"})
	put(t, intake, second)
	if diff := cmp.Diff(second.Object, seen()); diff != "" {
		t.Error("after a second document (-want +got)", diff)
	}
	for name, forget := range map[string]func(){
		"dropped": func() { drop(t, intake, second) },
		"cleared": func() { intake.Clear() },
	} {
		put(t, intake, second)
		forget()
		put(t, i.Certificates(), first)
		if live := seen(); live != nil {
			t.Errorf("%s, and yet there is %v", name, live)
		}
		drop(t, i.Certificates(), first)
	}
}

// What a list of issuers says of a cluster.
func TestIssuersAndTheirCertificates(t *testing.T) {
	i := New(plainPolicy(t), Options{})
	kind := resolver.GroupKind{Group: "cert-manager.io", Kind: "Issuer"}
	known, _ := i.Policy().Registry.Known(kind)
	put(t, i.Issuers(kind, known, resolver.ObserveNone, nil), ofDocument("Issuer", "ca", map[string]any{"ca": map[string]any{}}))
	all := i.AllIssuers()
	if _, there := all[resolver.IssuerKey{GroupKind: kind, Namespace: "shop", Name: "ca"}]; !there || len(all) != 1 {
		t.Errorf("issuers are %v", all)
	}
	for _, name := range []string{"a", "b"} {
		put(t, i.Certificates(), ofDocument("Certificate", name, map[string]any{"secretName": "one", "issuerRef": map[string]any{"name": "ca"}}))
	}
	if diff := cmp.Diff(map[resolver.GroupKind]int{kind: 2}, i.CertificatesByIssuer()); diff != "" {
		t.Error("(-want +got)", diff)
	}
}
