package certshim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// memory is a small cluster: sources and Certificates.
type memory struct {
	sources      []*source.Object
	certificates []certificate.Observed
	// labels of the namespaces; one that isn't there can't be read.
	labels map[string]map[string]string
	fields certificate.Fields
}

var _ certshim.Observed = &memory{}

func (m *memory) Certificate(namespace, name string) (certificate.Observed, bool) {
	for _, c := range m.certificates {
		if c.Namespace == namespace && c.Name == name {
			return c, true
		}
	}
	return certificate.Observed{}, false
}

func (m *memory) CertificatesOf(ref source.Ref) []certificate.Observed {
	return m.where(func(c certificate.Observed) bool {
		same := c.Owner.Group == ref.Group && c.Owner.Kind == ref.Kind && c.Owner.Name == ref.Name
		return c.Namespace == ref.Namespace && (c.Owner.UID == ref.UID && ref.UID != "" || ref.UID == "" && same)
	})
}

func (m *memory) CertificatesWriting(namespace, secret string) []certificate.Observed {
	return m.where(func(c certificate.Observed) bool { return c.Namespace == namespace && c.Secret == secret })
}

func (m *memory) where(fits func(certificate.Observed) bool) []certificate.Observed {
	return slices.DeleteFunc(slices.Clone(m.certificates), func(c certificate.Observed) bool { return !fits(c) })
}

func (m *memory) Claimants(namespace, secret string) []*source.Object {
	return slices.DeleteFunc(slices.Clone(m.sources), func(o *source.Object) bool {
		names := slices.ContainsFunc(o.Entries, func(e source.Entry) bool {
			return slices.ContainsFunc(e.Secrets, func(ref source.SecretRef) bool { return ref.Name == secret })
		})
		return o.Namespace != namespace || !names
	})
}

func (m *memory) Gateway(namespace, name string) (*source.Object, bool) {
	for _, o := range m.sources {
		if o.Kind == source.GatewayKind && o.Namespace == namespace && o.Name == name {
			return o, true
		}
	}
	return nil, false
}

func (m *memory) Namespace(name string) (certshim.Namespace, bool) {
	labels, known := m.labels[name]
	return certshim.Namespace{Labels: labels}, known
}

func (m *memory) CertificateFields() certificate.Fields { return m.fields }
func (m *memory) Served() resolver.Served               { return nil }
func (m *memory) Issuers() resolver.Issuers             { return nil }

// add reads manifests, each without its apiVersion, and gives the last one. What has no
// namespace is in shop, and its uid is kind/name.
func (m *memory) add(t testing.TB, manifests string) *source.Object {
	t.Helper()
	var last *source.Object
	for text := range strings.SplitSeq(manifests, "\n---\n") {
		last = read(t, text)
		m.sources = append(m.sources, last)
	}
	return last
}

func read(t testing.TB, text string) *source.Object {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatalf("the test's own manifest: %v\n%s", err, text)
	}
	group := source.GatewayGroup
	if u.GetKind() == source.IngressKind {
		group = source.IngressGroup
	}
	u.SetAPIVersion(group + "/v1")
	if u.GetNamespace() == "" {
		u.SetNamespace("shop")
	}
	if u.GetUID() == "" {
		unstructured.SetNestedField(u.Object, u.GetKind()+"/"+u.GetName(), "metadata", "uid")
	}
	kind, _ := source.Lookup(group, u.GetKind())
	object, err := kind.Reduce(u)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// carryOut makes the Certificates of a decision, as certshim's writes lead to them.
func (m *memory) carryOut(t testing.TB, out certshim.Outcome) {
	t.Helper()
	for _, d := range out.Certificates {
		m.certificates = slices.DeleteFunc(m.certificates, func(c certificate.Observed) bool {
			return c.Namespace == d.Namespace && c.Name == d.Name && (d.Action == certificate.Delete || d.Action == certificate.Apply)
		})
		if d.Action == certificate.Create || d.Action == certificate.Apply {
			m.certificates = append(m.certificates, certificate.Observe(stored(t, d.Config)))
		}
	}
}

// stored is what a server makes of an apply configuration that it had nothing of.
func stored(t testing.TB, config map[string]any) map[string]any {
	t.Helper()
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]any{}
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	metadata := object["metadata"].(map[string]any)
	owned := map[string]any{"f:spec": fieldsOf(object["spec"].(map[string]any))}
	about := map[string]any{}
	for _, name := range []string{"labels", "annotations"} {
		if values, ok := metadata[name].(map[string]any); ok {
			about["f:"+name] = fieldsOf(values)
		}
	}
	if owners, ok := metadata["ownerReferences"].([]any); ok {
		uid := owners[0].(map[string]any)["uid"].(string)
		about["f:ownerReferences"] = map[string]any{fmt.Sprintf(`k:{"uid":%q}`, uid): map[string]any{}}
	}
	if len(about) > 0 {
		owned["f:metadata"] = about
	}
	metadata["uid"], metadata["resourceVersion"] = "uid of "+metadata["name"].(string), "7"
	metadata["managedFields"] = []any{map[string]any{
		"manager": certificate.FieldManager, "operation": "Apply", "apiVersion": "cert-manager.io/v1",
		"fieldsType": "FieldsV1", "fieldsV1": owned, "time": "2026-01-01T10:00:00Z",
	}}
	return object
}

func fieldsOf(values map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range values {
		inner, _ := value.(map[string]any)
		out["f:"+name] = fieldsOf(inner)
	}
	return out
}

// foreign is a Certificate of somebody else.
func foreign(name, secret string, change ...func(*certificate.Observed)) certificate.Observed {
	c := certificate.Observed{Namespace: "shop", Name: name, Secret: secret, UID: "uid of " + name, ResourceVersion: "7"}
	for _, f := range change {
		f(&c)
	}
	return c
}

func ownedBy(object *source.Object) func(*certificate.Observed) {
	return func(c *certificate.Observed) {
		c.Owner = certificate.Owner{Group: object.Group, Kind: object.Kind, Name: object.Name, UID: object.UID}
	}
}

func newPolicy(t testing.TB, change ...func(*certshim.Policy)) *certshim.Policy {
	t.Helper()
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{Name: "default-ca", Kind: resolver.ClusterIssuerKind}, shipped)
	if err != nil {
		t.Fatal(err)
	}
	policy := &certshim.Policy{
		Parser: annotations.NewParser(annotations.Options{}), Registry: registry, AutoKinds: []string{source.IngressKind},
	}
	for _, f := range change {
		f(policy)
	}
	return policy
}

// lines writes an outcome as plan does: a line each Certificate, then the problems.
func lines(out certshim.Outcome) []string {
	var all []string
	if out.Ignored != "" {
		all = append(all, "ignored: "+out.Ignored)
	}
	for _, d := range out.Certificates {
		all = append(all, fmt.Sprintf("%s %s: %s", d.Action, d.Name, d.Reason))
	}
	for _, p := range out.Problems.All() {
		p.Lines = ""
		all = append(all, fmt.Sprintf("%s %s %s", p.Severity, p.Reason, p.Error()))
	}
	return all
}

func compare(t *testing.T, want []string, out certshim.Outcome) {
	t.Helper()
	if diff := cmp.Diff(want, lines(out)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, p := range out.Problems.All() {
		if p.Object != out.Source.Object() {
			t.Errorf("the problem is about %v: %v", p.Object, p)
		}
	}
	for _, d := range out.Certificates {
		for _, p := range d.Problems.All() {
			p.Object = out.Source.Object()
			if !slices.Contains(out.Problems.All(), p) {
				t.Errorf("told of the Certificate alone: %v", p)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
