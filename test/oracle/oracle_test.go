package oracle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
)

func TestCertificateOfAnIngress(t *testing.T) {
	object := ingress(
		annotations{clusterIssuer: "c", "cert-manager.io/alt-names": "a.example.com", "team.example.com/owner": "web", "other": "x"},
		tls("web-tls", "a.example.com", "10.0.0.1", "A.example.com", "a.example.com"))
	object.Labels = map[string]string{"app": "web", "applyset.kubernetes.io/part-of": "x"}
	options := Defaults()
	options.ExtraAnnotations = []string{"team.example.com/owner"}

	isController := true
	want := Result{
		Created: []*cmapi.Certificate{{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "web-tls",
				Labels:      map[string]string{"app": "web"},
				Annotations: annotations{"team.example.com/owner": "web"},
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: "web", UID: "uid-of-source",
					Controller: &isController, BlockOwnerDeletion: &isController,
				}},
			},
			Spec: cmapi.CertificateSpec{
				SecretName:  "web-tls",
				DNSNames:    []string{"a.example.com", "A.example.com", "a.example.com"},
				IPAddresses: []string{"10.0.0.1"},
				IssuerRef:   cmmeta.IssuerReference{Name: "c", Kind: "ClusterIssuer", Group: "cert-manager.io"},
				Usages:      []cmapi.KeyUsage{cmapi.UsageDigitalSignature, cmapi.UsageKeyEncipherment},
			},
		}},
		Events: []Event{{corev1.EventTypeNormal, "CreateCertificate", `Successfully created Certificate "web-tls"`}},
	}
	if diff := cmp.Diff(want, run(t, options, object)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneDuplicateSecretRefusesTheIngress(t *testing.T) {
	object := ingress(annotations{issuer: "i"}, tls("s1", "a.example.com"), tls("s1", "b.example.com"), tls("s2", "c.example.com"))
	want := Result{Events: []Event{{corev1.EventTypeWarning, "BadConfig",
		`spec.tls[0].secretName: Invalid value: "s1": this secret name must only appear in a single TLS entry but is also used in spec.tls[1].secretName`}}}
	if diff := cmp.Diff(want, run(t, Defaults(), object)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadEntryIsSkippedAlone(t *testing.T) {
	result := run(t, Defaults(), ingress(annotations{issuer: "i"}, tls(""), tls("s2", "c.example.com")))
	if len(result.Created) != 1 || result.Created[0].Name != "s2" || result.Err != nil {
		t.Errorf("created %v, error %v; want s2", result.Created, result.Err)
	}
	want := Event{corev1.EventTypeWarning, "BadConfig",
		"Skipped a TLS block: [spec.tls[0].hosts: Required value, spec.tls[0].secretName: Required value]"}
	if got := result.Events[len(result.Events)-1]; got != want {
		t.Errorf("event %v, want %v", got, want)
	}
}

func TestBadAnnotationIsAnErrorAndNothingElse(t *testing.T) {
	owned := made(t, Defaults(), ingress(annotations{issuer: "i"}, tls("old", "a.example.com")))
	object := ingress(annotations{issuer: "i", "cert-manager.io/duration": "90d"}, tls("web-tls", "a.example.com"))
	result := run(t, Defaults(), object, owned)
	if result.Err == nil || !strings.HasPrefix(result.Err.Error(), `invalid ingress annotation "cert-manager.io/duration": `) {
		t.Errorf("error %v, want one about the duration", result.Err)
	}
	result.Err = nil
	if diff := cmp.Diff(Result{}, result); diff != "" {
		t.Errorf("something happened (-want +got):\n%s", diff)
	}
}

func TestListenersOnOneSecretAreMerged(t *testing.T) {
	ignored, plain, passthrough := listener("ignored", "i.example.com", "a-tls"), listener("plain", "p.example.com", "a-tls"), listener("pass", "t.example.com", "a-tls")
	plain.Protocol = gwapi.HTTPProtocolType
	*passthrough.TLS.Mode = gwapi.TLSModePassthrough
	foreign, elsewhere := listener("foreign", "f.example.com", "a-tls"), gwapi.Namespace("other")
	foreign.TLS.CertificateRefs[0].Namespace = &elsewhere
	object := gateway(annotations{issuer: "i", "cert-manager.io/ignore-tls-listeners": " ignored ,unknown"},
		listener("one", "b.example.com", "a-tls"), ignored, plain, passthrough, foreign,
		listener("two", "a.example.com", "a-tls"), listener("three", "b.example.com", "a-tls"))

	result := run(t, Defaults(), object)
	if len(result.Created) != 1 {
		t.Fatalf("created %v, error %v, want one", result.Created, result.Err)
	}
	got := result.Created[0]
	if diff := cmp.Diff([]string{"b.example.com", "a.example.com"}, got.Spec.DNSNames); diff != "" {
		t.Errorf("dnsNames (-want +got):\n%s", diff)
	}
	parent := annotations{
		"acme.cert-manager.io/http01-parentrefkind": "Gateway", "acme.cert-manager.io/http01-parentrefname": "edge",
	}
	if diff := cmp.Diff(parent, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	want := []Event{
		{corev1.EventTypeNormal, "CreateCertificate", `Successfully created Certificate "a-tls"`},
		{corev1.EventTypeWarning, "BadConfig", `Skipped a listener block: spec.listeners[4].tls.certificateRef[0].namespace: ` +
			`Invalid value: "other": cross-namespace secret references are not allowed in listeners`},
	}
	if diff := cmp.Diff(want, result.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestExtraProtocolCounts(t *testing.T) {
	quic := listener("quic", "q.example.com", "q-tls")
	quic.Protocol = "example.com/quic"
	object := gateway(annotations{issuer: "i"}, quic)
	if result := run(t, Defaults(), object); len(result.Created) != 0 || len(result.Events) != 0 {
		t.Errorf("without the flag: %+v, want nothing", result)
	}
	options := Defaults()
	options.ExtraProtocols = []string{"example.com/quic"}
	made(t, options, object)
}

func TestParentOfAListenerSetsRoute(t *testing.T) {
	entry := listener("https", "a.example.com", "a-tls")
	for fallback, want := range map[string]annotations{
		"no": {
			"acme.cert-manager.io/http01-parentrefkind": "ListenerSet", "acme.cert-manager.io/http01-parentrefname": "team",
		},
		"true": {
			"acme.cert-manager.io/http01-parentrefkind": "Gateway", "acme.cert-manager.io/http01-parentrefname": "edge",
			"acme.cert-manager.io/http01-parentrefnamespace": "shop",
		},
	} {
		set := listenerSet(annotations{issuer: "i", "acme.cert-manager.io/http01-parentreffallback": fallback}, entry)
		if diff := cmp.Diff(want, made(t, Defaults(), set, gateway(nil)).Annotations); diff != "" {
			t.Errorf("fallback %q (-want +got):\n%s", fallback, diff)
		}
	}
}

func TestAbsentGroupPanics(t *testing.T) {
	bare := listener("https", "a.example.com", "a-tls")
	bare.TLS.CertificateRefs[0].Group = nil
	result, err := Run(Defaults(), gateway(annotations{issuer: "i"}, bare))
	if err != nil || !strings.Contains(result.Panic, "nil pointer dereference") {
		t.Errorf("panic %q, error %v; want a nil pointer", result.Panic, err)
	}
}

// The rows of "what decides needs update": a field that is compared, one that isn't, and who may be updated at all.
func TestExistingCertificate(t *testing.T) {
	source := func() *networkingv1.Ingress {
		return ingress(annotations{issuer: "i"}, tls("web-tls", "a.example.com"))
	}
	for name, row := range map[string]struct {
		existing         func(*cmapi.Certificate)
		source           func(*networkingv1.Ingress)
		updated, deleted int
	}{
		"up to date":      {},
		"label":           {source: func(i *networkingv1.Ingress) { i.Labels = map[string]string{"a": "b"} }, updated: 1},
		"empty labels":    {existing: func(c *cmapi.Certificate) { c.Labels = map[string]string{} }, updated: 1},
		"host":            {source: func(i *networkingv1.Ingress) { i.Spec.TLS[0].Hosts = []string{"b.example.com"} }, updated: 1},
		"IP host":         {source: func(i *networkingv1.Ingress) { i.Spec.TLS[0].Hosts = []string{"a.example.com", "::1"} }},
		"usages":          {source: func(i *networkingv1.Ingress) { i.Annotations["cert-manager.io/usages"] = "any" }},
		"issuer group":    {source: func(i *networkingv1.Ingress) { i.Annotations[issuerGroup] = "k.io" }},
		"common name":     {source: func(i *networkingv1.Ingress) { i.Annotations["cert-manager.io/common-name"] = "a" }, updated: 1},
		"edit in place":   {source: func(i *networkingv1.Ingress) { i.Annotations["acme.cert-manager.io/http01-edit-in-place"] = "true" }},
		"no owner":        {existing: func(c *cmapi.Certificate) { c.OwnerReferences, c.Spec.CommonName = nil, "x" }},
		"other owner":     {existing: func(c *cmapi.Certificate) { c.OwnerReferences[0].UID, c.Spec.CommonName = "other", "x" }},
		"own secret name": {existing: func(c *cmapi.Certificate) { c.Spec.SecretName = "edited" }, updated: 1, deleted: 1},
		"not named":       {source: func(i *networkingv1.Ingress) { i.Spec.TLS = nil }, deleted: 1},
		"named, no hosts": {source: func(i *networkingv1.Ingress) { i.Spec.TLS[0].Hosts = nil }},
		"no trigger":      {source: func(i *networkingv1.Ingress) { i.Annotations = nil; i.Spec.TLS = nil }},
		"being deleted":   {source: func(i *networkingv1.Ingress) { i.Finalizers = []string{"foregroundDeletion"}; i.Spec.TLS = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			object, existing := source(), made(t, Defaults(), source())
			if row.existing != nil {
				row.existing(existing)
			}
			if row.source != nil {
				row.source(object)
			}
			result := run(t, Defaults(), object, existing)
			if len(result.Created) != 0 || len(result.Updated) != row.updated || len(result.Deleted) != row.deleted || result.Err != nil {
				t.Errorf("got %d created, %d updated, %d deleted, error %v; want none, %d, %d", len(result.Created),
					len(result.Updated), len(result.Deleted), result.Err, row.updated, row.deleted)
			}
		})
	}
}

// What a user added goes at the next update, but for annotations.
func TestUpdateReplacesTheWholeSpec(t *testing.T) {
	existing := made(t, Defaults(), ingress(annotations{issuer: "i"}, tls("web-tls", "a.example.com")))
	existing.Spec.IsCA = true
	existing.Annotations = annotations{"mine": "kept"}
	result := run(t, Defaults(), ingress(annotations{issuer: "j"}, tls("web-tls", "a.example.com")), existing)
	if len(result.Updated) != 1 {
		t.Fatalf("updated %v, want one", result.Updated)
	}
	updated := result.Updated[0]
	if updated.Spec.IsCA || updated.Spec.IssuerRef.Name != "j" || updated.Annotations["mine"] != "kept" {
		t.Errorf("updated to %+v", updated)
	}
}

func TestUnstructuredIsTheSameAsTyped(t *testing.T) {
	gatewayAPI := schema.GroupVersion(gwapi.GroupVersion)
	for name, object := range map[string]struct {
		source runtime.Object
		kind   schema.GroupVersionKind
		cached runtime.Object
	}{
		"ingress":     {ingress(annotations{issuer: "i"}, tls("web-tls", "a.example.com")), networkingv1.SchemeGroupVersion.WithKind("Ingress"), &cmapi.Certificate{}},
		"gateway":     {gateway(annotations{issuer: "i"}, listener("a", "a.example.com", "a-tls")), gatewayAPI.WithKind("Gateway"), &cmapi.Certificate{}},
		"listenerset": {listenerSet(nil, listener("a", "a.example.com", "a-tls")), gatewayAPI.WithKind("ListenerSet"), gateway(annotations{issuer: "i"})},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object.source)
			if err != nil {
				t.Fatal(err)
			}
			source := &unstructured.Unstructured{Object: content}
			source.SetGroupVersionKind(object.kind)
			want := made(t, Defaults(), object.source, object.cached)
			if diff := cmp.Diff(want, made(t, Defaults(), source, object.cached)); diff != "" {
				t.Errorf("(-typed +unstructured):\n%s", diff)
			}
		})
	}
}

func TestOtherKindsAreAnError(t *testing.T) {
	for name, objects := range map[string][]runtime.Object{
		"source":       {&corev1.Secret{}},
		"no source":    {&cmapi.Certificate{}},
		"cached":       {ingress(nil), &corev1.Secret{}},
		"unstructured": {&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret"}}},
	} {
		if _, err := Run(Defaults(), objects[0], objects[1:]...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestInputIsLeftAlone(t *testing.T) {
	object := ingress(annotations{issuer: "i"}, tls("web-tls", "a.example.com"))
	object.Labels = map[string]string{"applyset.kubernetes.io/part-of": "x"}
	before := object.DeepCopy()
	run(t, Defaults(), object)
	if diff := cmp.Diff(before, object); diff != "" {
		t.Errorf("changed (-before +after):\n%s", diff)
	}
}

func BenchmarkRun(b *testing.B) {
	object := ingress(annotations{issuer: "i"}, tls("web-tls", "a.example.com"))
	for b.Loop() {
		if _, err := Run(Defaults(), object); err != nil {
			b.Fatal(err)
		}
	}
}
