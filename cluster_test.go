package certshim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// cluster is an inventory that a test fills, as the controller does, and decides by.
type cluster struct {
	*inventory.Inventory
	t testing.TB
	// said is what plugins say of issuers.
	said said
	// awake are the sources that have to look again, by name.
	awake map[string]bool
	// finds and firsts count what the last decision asked about issuers, and about who comes
	// first.
	finds, firsts int
}

// said is what plugins say of issuers.
type said map[resolver.IssuerKey]resolver.Finding

func (s said) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	finding, spoken := s[key]
	return finding, spoken
}

// newCluster has nothing. All sources and Certificates are known, but no Namespace or issuer.
func newCluster(t testing.TB, policy *certshim.Policy) *cluster {
	t.Helper()
	c := &cluster{t: t, said: said{}, awake: map[string]bool{}}
	c.Inventory = inventory.New(policy, inventory.Options{Plugins: c.said})
	c.Know(inventory.CertificateKind(), inventory.Whole)
	for _, kind := range source.Builtin().All() {
		c.Know(resolver.GroupKind(source.GroupKindOf(kind)), inventory.Whole)
	}
	return c
}

// newIssued knows all issuers of cert-manager: these, which are ready.
func newIssued(t testing.TB, policy *certshim.Policy, ready ...resolver.IssuerKey) *cluster {
	t.Helper()
	c := newCluster(t, policy)
	c.Know(clusterIssuer("").GroupKind, inventory.Whole)
	c.Know(issuerHere("").GroupKind, inventory.Whole)
	for _, key := range ready {
		c.issuer(key, "True")
	}
	return c
}

func (c *cluster) wake(w inventory.Wake) {
	for _, key := range slices.Concat(w.Now, w.Later) {
		c.awake[key.Name()] = true
	}
}

// woken gives the names of the sources that were woken since it was asked last.
func (c *cluster) woken() []string {
	names := sortedKeys(c.awake)
	clear(c.awake)
	return names
}

func (c *cluster) take(intake inventory.Intake, object *unstructured.Unstructured) {
	c.t.Helper()
	packed, err := intake.Pack(object.DeepCopy())
	if err != nil {
		c.t.Fatalf("the test's own object: %v", err)
	}
	c.wake(intake.Put(packed))
}

func (c *cluster) drop(intake inventory.Intake, object *unstructured.Unstructured) {
	c.t.Helper()
	packed, err := intake.Pack(object.DeepCopy())
	if err != nil {
		c.t.Fatalf("the test's own object: %v", err)
	}
	c.wake(intake.Drop(packed))
}

// route is a kind of source of which no policy knows.
type route struct{ source.Kind }

func (r route) GroupVersionKind() schema.GroupVersionKind {
	gvk := r.Kind.GroupVersionKind()
	gvk.Kind = "HTTPRoute"
	return gvk
}

func (r route) Reduce(object *unstructured.Unstructured) (*source.Object, error) {
	reduced, err := r.Kind.Reduce(object)
	if err == nil {
		reduced.Kind = r.GroupVersionKind().Kind
	}
	return reduced, err
}

func (c *cluster) sourcesLike(object *unstructured.Unstructured) inventory.Intake {
	if kind, known := source.Builtin().Lookup(object.GroupVersionKind().Group, object.GetKind()); known {
		return c.Sources(kind)
	}
	ingress, _ := source.Builtin().Lookup(source.IngressGroup, source.IngressKind)
	return c.Sources(route{ingress})
}

// put takes a source in.
func (c *cluster) put(object *unstructured.Unstructured) inventory.Key {
	c.t.Helper()
	c.take(c.sourcesLike(object), object)
	return keyOf(object)
}

func keyOf(object *unstructured.Unstructured) inventory.Key {
	kind := source.GroupKind{Group: object.GroupVersionKind().Group, Kind: object.GetKind()}
	return inventory.NewKey(kind, object.GetNamespace(), object.GetName())
}

// add takes manifests in, as read reads them, and gives the last one.
func (c *cluster) add(manifests string) inventory.Key {
	c.t.Helper()
	var last inventory.Key
	for text := range strings.SplitSeq(manifests, "\n---\n") {
		last = c.put(read(c.t, text))
	}
	return last
}

// read reads a manifest without its apiVersion. What has no namespace is in shop, and its uid
// is kind/name.
func read(t testing.TB, text string) *unstructured.Unstructured {
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
	u.SetUID(types.UID(u.GetKind() + "/" + u.GetName()))
	return u
}

// namespace takes the Namespace shop in.
func (c *cluster) namespace(labels, annotations map[string]string) {
	c.t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "shop"}}}
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
	c.take(c.Namespaces(), object)
}

// issuer takes an issuer in, with the status of its condition Ready, the reason and the message.
func (c *cluster) issuer(key resolver.IssuerKey, status string, why ...string) {
	c.t.Helper()
	condition := map[string]any{"type": "Ready", "status": status}
	if len(why) == 2 {
		condition["reason"], condition["message"] = why[0], why[1]
	}
	object := issuerObject(key)
	object.Object["status"] = map[string]any{"conditions": []any{condition}}
	c.take(c.issuersLike(key), object)
}

func (c *cluster) dropIssuer(key resolver.IssuerKey) {
	c.t.Helper()
	c.drop(c.issuersLike(key), issuerObject(key))
}

func issuerObject(key resolver.IssuerKey) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": key.Name, "namespace": key.Namespace}}}
}

func (c *cluster) issuersLike(key resolver.IssuerKey) inventory.Intake {
	known, declared := c.Policy().Registry.Known(key.GroupKind)
	if !declared {
		known = resolver.Undeclared()
	}
	return c.Issuers(key.GroupKind, known, resolver.ObserveNone, nil)
}

// say lets a plugin say something of an issuer.
func (c *cluster) say(key resolver.IssuerKey, finding resolver.Finding) {
	c.said[key] = finding
	c.wake(c.PluginSays([]resolver.IssuerKey{key}))
}

// ask takes a source in, and decides about it.
func (c *cluster) ask(object *unstructured.Unstructured) certshim.Outcome {
	c.t.Helper()
	return c.decide(c.put(object))
}

// counted counts what a decision asks.
type counted struct {
	*inventory.Look
	c *cluster
}

func (o counted) First(namespace, secret string, claim func(*source.Object) certificate.Claim) *certificate.Rival {
	o.c.firsts++
	return o.Look.First(namespace, secret, claim)
}

func (o counted) Issuers() resolver.Issuers { return countedIssuers{o.Look.Issuers(), o.c} }

type countedIssuers struct {
	resolver.Issuers
	c *cluster
}

func (o countedIssuers) Find(key resolver.IssuerKey) (resolver.Finding, bool) {
	o.c.finds++
	return o.Issuers.Find(key)
}

// decide decides about a source; the Certificates among what is live are read from the server.
func (c *cluster) decide(key inventory.Key, live ...map[string]any) certshim.Outcome {
	c.t.Helper()
	look := c.Look(key)
	if look == nil {
		c.t.Fatalf("there is no %s %s", key.Kind().Kind, key.Name())
	}
	defer look.Close()
	for _, object := range live {
		observed := certificate.Observe(object)
		observed.Live = object
		look.SetLive(types.NamespacedName{Namespace: observed.Namespace, Name: observed.Name}, &observed)
	}
	object, unreadable := look.Object()
	if unreadable != "" {
		c.t.Fatalf("the test's own object: %s", unreadable)
	}
	c.finds, c.firsts = 0, 0
	before := maps.Clone(object.Annotations)
	out := certshim.Decide(look.Policy(), object, counted{look, c})
	if !maps.Equal(before, object.Annotations) {
		c.t.Error("the source's annotations changed")
	}
	c.wake(look.Keep(out, func(object *source.Object, secret types.NamespacedName) certificate.Claim {
		return certshim.Claim(look.Policy(), object, look, secret)
	}))
	return out
}

// carryOut makes the Certificates of a decision, as certshim's writes lead to them.
func (c *cluster) carryOut(out certshim.Outcome) {
	c.t.Helper()
	for _, d := range out.Certificates {
		switch d.Action {
		case certificate.Delete:
			c.drop(c.Certificates(), &unstructured.Unstructured{Object: map[string]any{
				"metadata": map[string]any{"namespace": d.Namespace, "name": d.Name},
			}})
		case certificate.Create, certificate.Apply:
			c.store(stored(c.t, d.Config))
		default:
		}
	}
}

// store takes a Certificate in, as the server has it.
func (c *cluster) store(object map[string]any) {
	c.t.Helper()
	c.take(c.Certificates(), &unstructured.Unstructured{Object: object})
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

// foreign is a Certificate that somebody made by kubectl.
func foreign(name, secret string, change ...func(*unstructured.Unstructured)) map[string]any {
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"namespace": "shop", "name": name, "uid": "uid of " + name, "resourceVersion": "7",
			"managedFields": []any{map[string]any{
				"manager": "kubectl-create", "operation": "Update", "apiVersion": "cert-manager.io/v1", "fieldsType": "FieldsV1",
				"fieldsV1": map[string]any{"f:spec": map[string]any{"f:secretName": map[string]any{}}},
			}},
		},
		"spec": map[string]any{"secretName": secret},
	}}
	for _, f := range change {
		f(u)
	}
	return u.Object
}

// ownedBy a source whose uid is kind/name.
func ownedBy(key inventory.Key) func(*unstructured.Unstructured) {
	return ownedByEarlier(key, key.Kind().Kind+"/"+key.Name())
}

// ownedByEarlier is owned by an object of that name with another uid.
func ownedByEarlier(key inventory.Key, uid string) func(*unstructured.Unstructured) {
	controls := true
	return func(u *unstructured.Unstructured) {
		u.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: key.Kind().Group + "/v1", Kind: key.Kind().Kind, Name: key.Name(), UID: types.UID(uid), Controller: &controls,
		}})
	}
}

// withIssuer has this issuerRef.
func withIssuer(ref resolver.Ref) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		u.Object["spec"].(map[string]any)["issuerRef"] = map[string]any{"group": ref.Group, "kind": ref.Kind, "name": ref.Name}
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
		Kinds:  source.Builtin(),
		Parser: annotations.NewParser(annotations.Options{}), Registry: registry, AutoKinds: []string{source.IngressKind},
	}
	for _, f := range change {
		f(policy)
	}
	return policy
}

// reason has the cause, and what it is about.
func reason(r certificate.Reason) string {
	text := string(r.Cause)
	if len(r.About) > 0 {
		text += "(" + strings.Join(r.About, ", ") + ")"
	}
	if r.Behind != nil {
		text += "; " + reason(*r.Behind)
	}
	return text
}

// lines writes an outcome nearly as plan does: a line each Certificate, then the problems.
func lines(out certshim.Outcome) []string {
	var all []string
	if !out.Ignored.IsZero() {
		all = append(all, "ignored: "+reason(out.Ignored))
	}
	for _, d := range out.Certificates {
		all = append(all, fmt.Sprintf("%s %s: %s", d.Action, d.Name, reason(d.Reason)))
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
				t.Errorf("a problem about the Certificate alone: %v", p)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
