package inventory

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// shop is an inventory that a test fills as feeds do. All kinds are known, and nothing is in
// its namespace, shop.
type shop struct {
	testing.TB
	*Inventory
}

func newShop(t testing.TB, options Options, change ...func(*certshim.Policy)) *shop {
	t.Helper()
	registry, err := resolver.NewRegistry(resolver.Defaults{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	policy := &certshim.Policy{
		Parser: annotations.NewParser(annotations.Options{}), Registry: registry, Kinds: source.Builtin(), AutoKinds: []string{source.IngressKind},
	}
	for _, change := range change {
		change(policy)
	}
	s := &shop{TB: t, Inventory: New(policy, options)}
	s.Serve(servedKinds(true, true), nil)
	for _, kind := range []resolver.GroupKind{CertificateKind(), NamespaceKind(), issuerKind, clusterKind, strangeKind} {
		s.Know(kind, Whole)
	}
	for _, kind := range policy.Kinds.All() {
		s.Know(resolver.GroupKind(source.GroupKindOf(kind)), Whole)
	}
	return s
}

// read is a manifest; what it doesn't say of its metadata is filled in.
func (s *shop) read(manifest string) *unstructured.Unstructured {
	s.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	if err := yaml.UnmarshalStrict([]byte(manifest), &object.Object); err != nil {
		s.Fatal(err)
	}
	if object.GetNamespace() == "" && object.GetKind() != clusterKind.Kind && object.GetKind() != "Namespace" {
		object.SetNamespace("shop")
	}
	if object.GetUID() == "" {
		object.SetUID(types.UID("uid-" + object.GetName()))
	}
	return object
}

// intake is that of a manifest's kind.
func (s *shop) intake(object *unstructured.Unstructured) Intake {
	for _, kind := range s.Policy().Kinds.All() {
		if kind.GroupVersionKind().Kind == object.GetKind() {
			return s.Sources(kind)
		}
	}
	for _, kind := range []resolver.GroupKind{issuerKind, clusterKind, strangeKind} {
		if kind.Kind == object.GetKind() {
			return s.issuersOf(kind, resolver.ObserveNone, nil)
		}
	}
	return s.Namespaces()
}

func (s *shop) issuersOf(kind resolver.GroupKind, observe resolver.Observe, changed func(resolver.IssuerKey)) Intake {
	known, declared := s.Policy().Registry.Known(kind)
	if !declared {
		known = resolver.Undeclared()
	}
	return s.Issuers(kind, known, observe, changed)
}

func (s *shop) put(manifest string) Wake {
	s.Helper()
	object := s.read(manifest)
	return put(s, s.intake(object), object)
}

func (s *shop) drop(manifest string) Wake {
	s.Helper()
	object := s.read(manifest)
	return drop(s, s.intake(object), object)
}

func (s *shop) show(o certificate.Observed) Wake { return s.putCertificate(packCertificate(o)) }

// decide looks at a source and notes what its decision read.
func (s *shop) decide(k Key) (outcome certshim.Outcome, wake Wake) {
	s.Helper()
	look := s.Look(k)
	if look == nil {
		return certshim.Outcome{}, Wake{}
	}
	defer look.Close()
	outcome = decide(look)
	return outcome, look.Keep(outcome, look.claim)
}

// looked looks at whoever a change wakes, and whoever that wakes, and names all of them.
func (s *shop) looked(wake Wake) []string {
	s.Helper()
	names := []string{}
	for todo := woken(wake); len(todo) > 0; {
		k := todo[0]
		names = append(names, k.Name())
		_, more := s.decide(k)
		todo = append(todo[1:], woken(more)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func woken(wake Wake) []Key { return slices.Concat(wake.Now, wake.Later) }

// namesOf are the names of whoever is woken, each once.
func namesOf(wake Wake) []string {
	names := []string{}
	for _, k := range woken(wake) {
		names = append(names, k.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// settle looks at every source until nobody is woken any more.
func (s *shop) settle() {
	s.Helper()
	s.looked(Wake{Later: s.Keys()})
}

func ingressKey(name string) Key {
	return NewKey(source.GroupKind{Group: "networking.k8s.io", Kind: source.IngressKind}, "shop", name)
}

// observedCertificate is one as it is in the namespace shop, of an Ingress.
func observedCertificate(name, secret, owner string) certificate.Observed {
	o := certificate.Observed{Namespace: "shop", Name: name, UID: "cert-" + name, ResourceVersion: "1", Secret: secret}
	if owner != "" {
		o.Owner = certificate.Owner{Group: "networking.k8s.io", Kind: source.IngressKind, Name: owner, UID: "uid-" + owner}
	}
	return o
}

// written is a Certificate as a decision wants it.
func written(outcome certshim.Outcome, n int) certificate.Observed {
	d := outcome.Certificates[n]
	o := observedCertificate(d.Name, d.Name, outcome.Source.Name)
	o.Have, o.Flags, o.Issuer = d.Want, certificate.Applied, refOf(d.Config)
	return o
}

// tlsIngress is an Ingress that names Secrets.
func tlsIngress(name, annotations string, secrets ...string) string {
	tls := ""
	for _, secret := range secrets {
		tls += "{hosts: [" + secret + ".example.com], secretName: " + secret + "},"
	}
	return "{kind: Ingress, metadata: {name: " + name + ", annotations: {" + annotations + "}}, spec: {tls: [" + tls + "]}}"
}

// putIngress takes in an Ingress that names a Secret; of many, it takes less time than a manifest.
func (s *shop) putIngress(name string, annotations map[string]string, secret string) {
	s.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"tls": []any{
		map[string]any{"hosts": []any{secret + ".example.com"}, "secretName": secret},
	}}}}
	object.SetKind(source.IngressKind)
	object.SetNamespace("shop")
	object.SetName(name)
	object.SetUID(types.UID("uid-" + name))
	object.SetAnnotations(annotations)
	put(s, s.intake(object), object)
}

const byCA = "cert-manager.io/issuer: ca"

func issuerCA(ready string) string {
	return "{kind: Issuer, metadata: {name: ca, generation: 1}, spec: {ca: {secretName: ca}}, " +
		"status: {conditions: [{type: Ready, status: '" + ready + "', reason: Because, observedGeneration: 1}]}}"
}

// readDiscovery is of lists whose resources can all be watched.
func readDiscovery(unknown map[schema.GroupVersion]error, lists ...*metav1.APIResourceList) Served {
	for _, list := range lists {
		for n := range list.APIResources {
			list.APIResources[n].Verbs = metav1.Verbs{"get", "list", "watch"}
		}
	}
	return ReadDiscovery(lists, unknown, nil)
}
