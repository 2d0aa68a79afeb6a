package certshim_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

// FuzzDecide decides about any JSON object as each kind of source, beside Certificates of
// its own, of a stranger, and of an earlier object of its name. Two annotations come on
// top of those that the object has.
func FuzzDecide(f *testing.F) {
	const tls = `{"tls": [{"hosts": ["a.example.com"], "secretName": "web-tls"}, {"hosts": ["*"], "secretName": "b"}, {"secretName": "old"}]}`
	const listeners = `{"parentRef": {"name": "web"}, "allowedListeners": {"namespaces": {"from": "Same"}}, "listeners": [{"name": "a", "protocol": "HTTPS", "hostname": "a.example.com", "tls": {"certificateRefs": [{"name": "web-tls"}, {"name": "b", "namespace": "x"}]}}]}`
	rows, policy := annotations.Table(), newPolicy(f, func(p *certshim.Policy) { p.Explain = true })
	for i, row := range rows {
		f.Add(`{"cert-manager.io/issuer": "ca"}`, tls, uint8(i), row.Example, uint8(i+1), "x")
		f.Add(`{"kubernetes.io/tls-acme": "true"}`, listeners, uint8(i), row.Example, uint8(i+2), row.Example)
	}
	f.Add(`{"cert-manager.io/issuer": "a", "cert-manager.io/cluster-issuer": "b"}`, `{}`, uint8(0), "a", uint8(1), "b")
	f.Fuzz(func(t *testing.T, written, spec string, a uint8, first string, b uint8, second string) {
		metadata := map[string]any{"name": "web", "namespace": "shop"}
		var asked, about map[string]any
		if json.Unmarshal([]byte(written), &asked) != nil || json.Unmarshal([]byte(spec), &about) != nil || asked == nil {
			t.Skip("not a JSON object, as all that an API server or a manifest holds is")
		}
		asked[rows[int(a)%len(rows)].Key], asked[rows[int(b)%len(rows)].Key] = first, second
		metadata["annotations"] = asked
		for _, kind := range source.Builtin().All() {
			manifest := &unstructured.Unstructured{Object: map[string]any{"metadata": metadata, "spec": about}}
			manifest.SetGroupVersionKind(kind.GroupVersionKind())
			manifest.SetUID(types.UID(manifest.GetKind() + "/web"))
			if _, err := kind.Reduce(manifest); err == nil {
				lawOfDecide(t, policy, manifest)
			}
		}
	})
}

func lawOfDecide(t *testing.T, policy *certshim.Policy, manifest *unstructured.Unstructured) {
	t.Helper()
	c := newCluster(t, policy)
	web := c.put(manifest)
	c.store(foreign("ours", "ours", ownedBy(web)))
	c.store(foreign("stranger", "stranger"))
	c.store(foreign("earlier", "earlier", ownedByEarlier(web, "earlier")))
	look := c.Look(web)
	defer look.Close()
	object, _ := look.Object()
	for i, entry := range object.Entries {
		for _, ref := range entry.Secrets {
			owners := [][]func(*unstructured.Unstructured){{ownedBy(web)}, nil, {ownedByEarlier(web, "earlier")}}
			// No Certificate is without a name, as a reference may be.
			if _, there := look.Certificate("shop", ref.Name); there != certshim.Present && ref.Name != "" && i%4 < len(owners) {
				c.store(foreign(ref.Name, ref.Name, owners[i%4]...))
			}
		}
	}
	out := c.decide(web)
	if !reflect.DeepEqual(out, c.decide(web)) {
		t.Error("two decisions differ")
	}
	lawOfWrites(t, object, look, out)
	lawOfValues(t, out)
	lawOfIdempotence(t, c, web, out)
}

// lawOfWrites: nothing that isn't the source's is changed or deleted, and nothing that it
// names is deleted.
func lawOfWrites(t *testing.T, object *source.Object, seen certshim.Observed, out certshim.Outcome) {
	t.Helper()
	named := func(namespace, name string) bool {
		at := types.NamespacedName{Namespace: namespace, Name: name}
		return slices.ContainsFunc(object.Entries, func(e source.Entry) bool {
			return slices.ContainsFunc(e.Secrets, func(ref source.SecretRef) bool { return ref.At(object.Namespace) == at })
		})
	}
	for _, d := range out.Certificates {
		there, exists := seen.Certificate(d.Namespace, d.Name)
		switch d.Action {
		case certificate.Delete, certificate.Apply:
			if there.Owner.UID != object.UID || d.Guard.UID != there.UID {
				t.Errorf("%s of %s, whose owner is %+v, guarded by %+v", d.Action, d.Name, there.Owner, d.Guard)
			}
			if d.Action == certificate.Delete && (named(d.Namespace, d.Name) || named(d.Namespace, there.Secret) || d.Guard.ResourceVersion == "") {
				t.Errorf("%s is named, and deleted", d.Name)
			}
		case certificate.Create:
			if exists == certshim.Present || !named(d.Namespace, d.Name) {
				t.Errorf("%s is created", d.Name)
			}
		default:
		}
		lawOfConfig(t, d.Config)
	}
}

// lawOfConfig: what is sent is a valid unstructured object without anything empty.
func lawOfConfig(t *testing.T, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		if v != nil && len(v) == 0 {
			t.Error("an empty map")
		}
		for _, item := range v {
			lawOfConfig(t, item)
		}
	case []any:
		if len(v) == 0 {
			t.Error("an empty list")
		}
		for _, item := range v {
			lawOfConfig(t, item)
		}
	case string, bool, int64:
	default:
		t.Errorf("a %T", value)
	}
}

// lawOfValues: of every field that is sent, and of no other, it is said where it comes from.
func lawOfValues(t *testing.T, out certshim.Outcome) {
	t.Helper()
	for _, d := range out.Certificates {
		said := map[string]bool{}
		for _, value := range out.Values[d.At()] {
			if name, inSpec := strings.CutPrefix(value.Field, "spec."); inSpec {
				said[name] = true
			}
		}
		spec, _ := d.Config["spec"].(map[string]any)
		if !slices.Equal(sortedKeys(said), sortedKeys(spec)) {
			t.Errorf("%s: said of %v, sent are %v", d.Name, sortedKeys(said), sortedKeys(spec))
		}
	}
}

// lawOfIdempotence: once what was decided is there, nothing is left to write.
func lawOfIdempotence(t *testing.T, c *cluster, web inventory.Key, out certshim.Outcome) {
	t.Helper()
	c.carryOut(out)
	for _, d := range c.decide(web).Certificates {
		if d.Action == certificate.Create || d.Action == certificate.Apply || d.Action == certificate.Delete {
			t.Errorf("a second look: %s %s: %s", d.Action, d.Name, d.Reason)
		}
	}
}
