package inventory

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// world is what an inventory has been told: its decisions, and those of another inventory
// that is told the same at once, must agree.
type world struct {
	policy *certshim.Policy
	random *rand.Rand
	// objects by kind and name, each as the manifest that was told last.
	sources      map[Key]*unstructured.Unstructured
	certificates map[types.NamespacedName]certificate.Observed
	issuers      map[resolver.IssuerKey]*unstructured.Unstructured
	namespaces   map[string]*unstructured.Unstructured
	grants       map[types.NamespacedName]*unstructured.Unstructured
	routes       map[types.NamespacedName]*unstructured.Unstructured
	known        map[resolver.GroupKind]Knowledge
	served       Served
	fields       Fields
	versions     int
}

func newWorld(t testing.TB, random *rand.Rand) *world {
	t.Helper()
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	registry, err := resolver.NewRegistry(resolver.Defaults{}, shipped)
	if err != nil {
		t.Fatal(err)
	}
	selector, err := labels.Parse("team=shop")
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		policy: &certshim.Policy{
			Parser: annotations.NewParser(annotations.Options{}), Registry: registry, Kinds: source.Builtin(), NamespaceDefaults: true,
			AutoKinds: []string{source.IngressKind}, CrossNamespace: certshim.CrossGrant,
			Routes: &certshim.RouteNames{
				Kinds: []string{routes.HTTPRoute}, Suffixes: map[string][]string{"shop": {"example.com", "example.org"}, "bank": {"example.org", "r1.example.com"}},
				Limits: routes.Limits{Certificate: 4, Namespace: 2},
			},
			Rules: []certshim.Rule{{Name: "shop", Selector: selector, Kinds: []string{source.ListenerSetKind}, AllowedHosts: []string{"example.com"}}},
		},
		random: random, sources: map[Key]*unstructured.Unstructured{}, certificates: map[types.NamespacedName]certificate.Observed{},
		issuers: map[resolver.IssuerKey]*unstructured.Unstructured{}, namespaces: map[string]*unstructured.Unstructured{},
		grants: map[types.NamespacedName]*unstructured.Unstructured{}, routes: map[types.NamespacedName]*unstructured.Unstructured{},
		known: map[resolver.GroupKind]Knowledge{},
	}
}

// told is an inventory that was told all of the world, at once and in some order.
func (w *world) told(t testing.TB) *Inventory {
	t.Helper()
	i := New(w.policy, Options{})
	i.Serve(w.served, w.fields)
	for kind, knowledge := range w.known {
		i.Know(kind, knowledge)
	}
	for _, object := range w.namespaces {
		put(t, i.Namespaces(), object)
	}
	for _, object := range w.grants {
		put(t, i.Grants(), object)
	}
	for _, object := range w.routes {
		put(t, i.Routes(routes.HTTPRoute), object)
	}
	for key, object := range w.issuers {
		put(t, w.issuersOf(i, key.GroupKind), object)
	}
	for _, observed := range w.certificates {
		i.putCertificate(packCertificate(observed))
	}
	for key, object := range w.sources {
		kind, _ := w.policy.Kinds.Lookup(key.Kind().Group, key.Kind().Kind)
		put(t, i.Sources(kind), object)
	}
	return i
}

func (w *world) issuersOf(i *Inventory, kind resolver.GroupKind) Intake {
	known, declared := w.policy.Registry.Known(kind)
	if !declared {
		known = resolver.Undeclared()
	}
	return i.Issuers(kind, known, resolver.ObserveNone, nil)
}

func put(t testing.TB, intake Intake, object *unstructured.Unstructured) Wake {
	t.Helper()
	packed, err := intake.Pack(object.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	return intake.Put(packed)
}

func drop(t testing.TB, intake Intake, object *unstructured.Unstructured) Wake {
	t.Helper()
	packed, err := intake.Pack(object.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	return intake.Drop(packed)
}

// one of some values.
func one[T any](w *world, values ...T) T { return values[w.random.IntN(len(values))] }

var (
	issuerKind  = resolver.GroupKind{Group: resolver.CertManagerGroup, Kind: resolver.IssuerKind}
	clusterKind = resolver.GroupKind{Group: resolver.CertManagerGroup, Kind: resolver.ClusterIssuerKind}
	strangeKind = resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
	gatewayKind = resolver.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}
	setKind     = resolver.GroupKind{Group: source.GatewayGroup, Kind: source.ListenerSetKind}
)

// asks are the annotations of a source.
func (w *world) asks() map[string]any {
	set := map[string]any{}
	switch w.random.IntN(10) {
	case 0:
	case 1, 5, 6:
		set["cert-manager.io/cluster-issuer"] = one(w, "ca", "cb")
	case 2:
		set["cert-manager.io/issuer"], set["cert-manager.io/issuer-kind"], set["cert-manager.io/issuer-group"] = "corp", strangeKind.Kind, strangeKind.Group
	case 3:
		set["kubernetes.io/tls-acme"] = "true"
	case 4:
		set["cert-manager.io/issuer"], set["certshim.io/ignore"] = "ca", "true"
	default:
		set["cert-manager.io/issuer"] = one(w, "ca", "cb", "cab")
	}
	if w.random.IntN(4) == 0 {
		set["cert-manager.io/duration"] = one(w, "2160h", "24h", "90d")
	}
	if w.random.IntN(6) == 0 {
		set["cert-manager.io/renew-before-percentage"] = "50"
	}
	if w.random.IntN(3) == 0 {
		set["certshim.io/route-names"] = "true"
	}
	return set
}

func (w *world) object(apiVersion, kind, namespace, name string, content map[string]any) *unstructured.Unstructured {
	w.versions++
	object := &unstructured.Unstructured{Object: content}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	object.SetUID(types.UID("uid of " + kind + " " + namespace + "/" + name))
	object.SetResourceVersion(fmt.Sprint(w.versions))
	return object
}

// listeners often conflict with those of other objects at the same Gateway, and now and then with each other.
func (w *world) listeners() []any {
	var all []any
	for n := range 1 + w.random.IntN(2) {
		secret, port := one(w, "s0", "s1", "s2"), one[int64](w, 443, 443, 8443, 9443)
		if w.random.IntN(8) == 0 {
			all = append(all, map[string]any{"name": fmt.Sprint("l", n), "protocol": one(w, "TCP", "UDP", "HTTP"), "port": port})
			continue
		}
		all = append(all, map[string]any{
			"name": fmt.Sprint("l", n), "protocol": "HTTPS", "port": port, "hostname": secret + one(w, ".example.com", ".example.org"),
			"tls":           map[string]any{"certificateRefs": []any{w.secretRef(secret)}},
			"allowedRoutes": map[string]any{"namespaces": map[string]any{"from": one(w, "All", "All", "All", "Same", "Selector"), "selector": map[string]any{"matchLabels": map[string]any{"team": "shop"}}}},
		})
		if listener := all[len(all)-1].(map[string]any); w.random.IntN(2) == 0 {
			listener["hostname"] = one(w, "*.example.com", "*.example.org")
		}
	}
	return all
}

// secretRef is a reference to a Secret, often of another namespace.
func (w *world) secretRef(name string) map[string]any {
	ref := map[string]any{"name": name}
	if w.random.IntN(2) == 0 {
		ref["namespace"] = one(w, "shop", "bank")
	}
	return ref
}

// source is a new version of one of some sources, as old as the one before.
func (w *world) source() *unstructured.Unstructured {
	object := w.newSource()
	created := metav1.Unix(1_800_000_000+int64(w.random.IntN(4)), 0)
	if old := w.sources[keyOf(object)]; old != nil {
		created = old.GetCreationTimestamp()
	}
	object.SetCreationTimestamp(created)
	return object
}

func keyOf(object *unstructured.Unstructured) Key {
	return NewKey(source.GroupKind{Group: object.GroupVersionKind().Group, Kind: object.GetKind()}, object.GetNamespace(), object.GetName())
}

func (w *world) newSource() *unstructured.Unstructured {
	namespace := one(w, "shop", "bank")
	switch name := fmt.Sprint("n", w.random.IntN(4)); w.random.IntN(6) {
	case 0, 5:
		from := map[string]any{"from": one(w, "All", "Same", "None", "Selector")}
		if from["from"] == "Selector" {
			from["selector"] = map[string]any{"matchLabels": map[string]any{"team": "shop"}}
		}
		object := w.object("gateway.networking.k8s.io/v1", source.GatewayKind, "shop", "g"+name, map[string]any{
			"spec": map[string]any{"allowedListeners": map[string]any{"namespaces": from}, "listeners": w.listeners()},
		})
		object.SetAnnotations(texts(w.asks()))
		return object
	case 1, 2:
		object := w.object("gateway.networking.k8s.io/v1", source.ListenerSetKind, namespace, name, map[string]any{"spec": map[string]any{
			"parentRef": map[string]any{"namespace": "shop", "name": "gn" + fmt.Sprint(w.random.IntN(4))}, "listeners": w.listeners(),
		}})
		object.SetAnnotations(texts(w.asks()))
		return object
	default:
		var tls []any
		for range w.random.IntN(3) {
			secret := one(w, "s0", "s1", "s2")
			tls = append(tls, map[string]any{"hosts": []any{secret + ".example.com"}, "secretName": secret})
		}
		object := w.object("networking.k8s.io/v1", source.IngressKind, namespace, name, map[string]any{"spec": map[string]any{"tls": tls}})
		object.SetAnnotations(texts(w.asks()))
		return object
	}
}

func texts(set map[string]any) map[string]string {
	out := map[string]string{}
	for key, value := range set {
		out[key] = value.(string)
	}
	return out
}

// trial is an inventory in a world that changes, with a queue.
type trial struct {
	*testing.T
	*world
	inventory *Inventory
	queue     map[Key]bool
	// last are the outcomes that are in force, and unread those that something was missing for.
	last   map[Key]certshim.Outcome
	unread map[Key]bool
	// changed are the sources that changed themselves: they are looked at in any case.
	changed map[Key]bool
	// pending are writes that the watch has not shown yet.
	pending []certificate.Observed
	// looks counts decisions for what others changed, and same those of them that gave what the
	// last one gave.
	looks, same int
	// across counts the writes in other namespaces, lost the decisions about listeners that others have, and
	// routed the writes of Certificates with names of routes.
	across, lost, routed int
}

func (r *trial) wake(w Wake) {
	for _, k := range slices.Concat(w.Now, w.Later) {
		r.queue[k] = true
	}
}

// step changes one thing.
func (r *trial) step() string {
	switch n := r.random.IntN(26); {
	case n < 7:
		return r.changeSource()
	case n < 11:
		return r.changeIssuer()
	case n < 13:
		return r.changeNamespace()
	case n < 16:
		return r.changeCertificate()
	case n < 18:
		kind := one(r.world, issuerKind, clusterKind, strangeKind, gatewayKind, setKind, NamespaceKind(), GrantKind(), RouteKind(routes.HTTPRoute))
		r.known[kind] = one(r.world, Unread, Whole, Whole, Unreadable)
		r.wake(r.inventory.Know(kind, r.known[kind]))
		return fmt.Sprint("known ", kind, r.known[kind])
	case n < 22:
		return r.changeGrant()
	case n < 24:
		return r.changeRoute()
	default:
		r.serve()
		return "served"
	}
}

// changeRoute shows an HTTPRoute, or that one is gone.
func (r *trial) changeRoute() string {
	var parents []any
	for range 1 + r.random.IntN(2) {
		if r.random.IntN(2) == 0 {
			parents = append(parents, map[string]any{"namespace": "shop", "name": fmt.Sprint("gn", r.random.IntN(4))})
			continue
		}
		parents = append(parents, map[string]any{"kind": source.ListenerSetKind, "name": fmt.Sprint("n", r.random.IntN(4)), "sectionName": one(r.world, "l0", "l1")})
	}
	object := r.object("gateway.networking.k8s.io/v1", routes.HTTPRoute, one(r.world, "shop", "shop", "bank"), fmt.Sprint("r", r.random.IntN(5)), map[string]any{
		"spec": map[string]any{"parentRefs": parents, "hostnames": []any{one(r.world, "r0", "r1", "r2", "r3") + ".example.com", one(r.world, "r0", "r1", "r2", "r3") + ".example.org"}},
	})
	object.SetCreationTimestamp(metav1.Unix(int64(object.GetName()[1]), 0))
	at := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	if old := r.routes[at]; old != nil && r.random.IntN(3) == 0 {
		delete(r.routes, at)
		r.wake(drop(r.T, r.inventory.Routes(routes.HTTPRoute), old))
		return "route gone " + at.String()
	}
	r.routes[at] = object
	r.wake(put(r.T, r.inventory.Routes(routes.HTTPRoute), object))
	return "route " + at.String()
}

// changeGrant shows a ReferenceGrant, or that one is gone.
func (r *trial) changeGrant() string {
	var from, to []any
	for range 1 + r.random.IntN(2) {
		for _, kind := range []string{source.GatewayKind, source.ListenerSetKind}[r.random.IntN(2):] {
			from = append(from, map[string]any{"group": source.GatewayGroup, "kind": kind, "namespace": one(r.world, "shop", "bank")})
		}
	}
	secret := one(r.world, "s0", "s1", "s2")
	to = append(to, map[string]any{"group": "", "kind": "Secret"}, map[string]any{"group": "cert-manager.io", "kind": "Certificate", "name": secret})
	if r.random.IntN(2) == 0 {
		to = append(to, map[string]any{"group": "cert-manager.io", "kind": "Certificate", "name": one(r.world, "s0", "s1", "s2")})
	}
	object := r.object("gateway.networking.k8s.io/v1", source.GrantKind, one(r.world, "shop", "bank"), one(r.world, "g0", "g1", "g2"), map[string]any{
		"spec": map[string]any{"from": from, "to": to[r.random.IntN(2)*r.random.IntN(2):]},
	})
	at := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	if old := r.grants[at]; old != nil && r.random.IntN(3) == 0 {
		delete(r.grants, at)
		r.wake(drop(r.T, r.inventory.Grants(), old))
		return "grant gone " + at.String()
	}
	r.grants[at] = object
	r.wake(put(r.T, r.inventory.Grants(), object))
	return "grant " + at.String()
}

func (r *trial) changeSource() string {
	object := r.source()
	key := keyOf(object)
	kind, _ := r.policy.Kinds.Lookup(key.Kind().Group, key.Kind().Kind)
	if old := r.sources[key]; old != nil && r.random.IntN(4) == 0 {
		delete(r.sources, key)
		r.changed[key] = true
		r.wake(drop(r.T, r.inventory.Sources(kind), old))
		return fmt.Sprint("gone ", key.Kind().Kind, key.name)
	}
	r.sources[key], r.changed[key] = object, true
	r.wake(put(r.T, r.inventory.Sources(kind), object))
	return fmt.Sprint("source ", key.Kind().Kind, key.name)
}

func (r *trial) changeIssuer() string {
	kind := one(r.world, issuerKind, clusterKind, strangeKind)
	namespace := ""
	if kind == issuerKind {
		namespace = one(r.world, "shop", "bank")
	}
	object := r.object(kind.Group+"/v1", kind.Kind, namespace, one(r.world, "ca", "cb", "corp"), map[string]any{
		"spec":   map[string]any{"ca": map[string]any{}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": one(r.world, "True", "False")}}},
	})
	key := resolver.IssuerKey{GroupKind: kind, Namespace: namespace, Name: object.GetName()}
	intake := r.issuersOf(r.inventory, kind)
	if old := r.issuers[key]; old != nil && r.random.IntN(3) == 0 {
		delete(r.issuers, key)
		r.wake(drop(r.T, intake, old))
		return fmt.Sprint("issuer gone ", key)
	}
	r.issuers[key] = object
	r.wake(put(r.T, intake, object))
	return fmt.Sprint("issuer ", key)
}

func (r *trial) changeNamespace() string {
	object := r.object("v1", "Namespace", "", one(r.world, "shop", "bank"), map[string]any{})
	object.SetLabels(map[string]string{"team": one(r.world, "shop", "bank")})
	object.SetAnnotations(map[string]string{"cert-manager.io/issuer": one(r.world, "ca", "cb", "")})
	if old := r.namespaces[object.GetName()]; old != nil && r.random.IntN(6) == 0 {
		delete(r.namespaces, object.GetName())
		r.wake(drop(r.T, r.inventory.Namespaces(), old))
		return "namespace gone"
	}
	r.namespaces[object.GetName()] = object
	r.wake(put(r.T, r.inventory.Namespaces(), object))
	return "namespace " + object.GetName()
}

// changeCertificate shows one of our writes, or what somebody else did to a Certificate.
func (r *trial) changeCertificate() string {
	if len(r.pending) > 0 && r.random.IntN(3) > 0 {
		shown := r.pending[0]
		r.pending = r.pending[1:]
		r.showCertificate(shown)
		return "our write of " + shown.Name
	}
	names := slices.SortedFunc(maps.Keys(r.certificates), func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	if len(names) == 0 {
		return "no certificate"
	}
	o := r.certificates[one(r.world, names...)]
	r.versions++
	o.ResourceVersion = fmt.Sprint(r.versions)
	switch r.random.IntN(5) {
	case 0:
		o.Secret = one(r.world, "s0", "s1", "s2")
	case 1:
		o.Owner, o.Flags = certificate.Owner{}, o.Flags&^certificate.Tied|certificate.Applied
		o.Tie = one(r.world, "", "networking.k8s.io/Ingress:"+o.Namespace+"/n0 for="+o.Namespace+"/"+o.Name)
	case 2:
		o.Flags ^= certificate.Deleting
	default:
		delete(r.certificates, types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
		r.wake(r.inventory.dropCertificate(nameOf(o.Namespace, o.Name)))
		return "certificate gone " + o.Name
	}
	r.showCertificate(o)
	return "certificate edited " + o.Name
}

func (r *trial) showCertificate(o certificate.Observed) {
	r.certificates[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
	r.wake(r.inventory.putCertificate(packCertificate(o)))
}

// drain decides about all that is queued, in any order.
func (r *trial) drain() {
	for len(r.queue) > 0 {
		// A seed always gives the same run.
		keys := slices.SortedFunc(maps.Keys(r.queue), func(a, b Key) int {
			return slices.Compare([]string{a.Kind().Kind, a.Namespace(), a.Name()}, []string{b.Kind().Kind, b.Namespace(), b.Name()})
		})
		k := keys[r.random.IntN(len(keys))]
		delete(r.queue, k)
		r.look(k)
	}
}

func (r *trial) look(k Key) {
	look := r.inventory.Look(k)
	if look == nil {
		delete(r.last, k)
		return
	}
	defer look.Close()
	outcome := decide(look)
	if !r.changed[k] {
		r.looks++
		if told(outcome) == told(r.last[k]) && look.Unread() == r.unread[k] {
			r.same++
		}
	}
	delete(r.changed, k)
	r.last[k], r.unread[k] = outcome, look.Unread()
	if slices.ContainsFunc(outcome.Problems.All(), isConflict) {
		r.lost++
	}
	r.wake(look.Keep(outcome, look.claim))
	for _, d := range outcome.Certificates {
		r.write(look, outcome, d)
	}
}

func isConflict(p problem.Problem) bool {
	return p.Reason == problem.ListenerConflict && p.Severity == problem.Error
}

func decide(look *Look) certshim.Outcome {
	object, _ := look.Object()
	return certshim.Decide(look.Policy(), object, look)
}

func (l *Look) claim(object *source.Object, secret types.NamespacedName) certificate.Claim {
	return certshim.Claim(l.policy, object, l, secret)
}

// write does what was decided, as the API server would.
func (r *trial) write(look *Look, outcome certshim.Outcome, d certificate.Decision) {
	at := types.NamespacedName{Namespace: d.Namespace, Name: d.Name}
	o, exists := r.certificates[at]
	switch {
	case d.Action == certificate.Delete && exists:
		delete(r.certificates, at)
		r.wake(r.inventory.dropCertificate(nameOf(at.Namespace, at.Name)))
		return
	case d.Action == certificate.Create && exists, d.Action == certificate.Apply && o.UID != d.Guard.UID:
		return
	case d.Action != certificate.Create && d.Action != certificate.Apply:
		return
	case slices.ContainsFunc(r.pending, func(p certificate.Observed) bool { return p.Namespace == at.Namespace && p.Name == at.Name }):
		return
	}
	r.versions++
	written := certificate.Observed{
		Namespace: at.Namespace, Name: at.Name, UID: "uid of " + at.String(), ResourceVersion: fmt.Sprint(r.versions),
		Secret: at.Name, Have: d.Want, Flags: certificate.Applied, Issuer: refOf(d.Config),
		Owner: certificate.Owner{Group: outcome.Source.Group, Kind: outcome.Source.Kind, Name: outcome.Source.Name, UID: outcome.Source.UID},
	}
	metadata, _ := d.Config["metadata"].(map[string]any)
	set, _ := metadata["annotations"].(map[string]any)
	if record := text(set, certificate.RoutesKey); record != "" {
		written.Routed = &certificate.Routed{Record: record, Owned: true}
		spec, _ := d.Config["spec"].(map[string]any)
		for _, name := range spec["dnsNames"].([]any) {
			written.Routed.Names = append(written.Routed.Names, name.(string))
		}
		r.routed++
	}
	if at.Namespace != outcome.Source.Namespace {
		written.Owner.Namespace, written.Flags = outcome.Source.Namespace, written.Flags|certificate.Tied
		r.across++
	}
	look.Expect(d, time.Unix(0, 0))
	r.pending = append(r.pending, written)
}

func refOf(config map[string]any) resolver.Ref {
	spec, _ := config["spec"].(map[string]any)
	ref, _ := spec["issuerRef"].(map[string]any)
	return resolver.Ref{Group: text(ref, "group"), Kind: text(ref, "kind"), Name: text(ref, "name")}
}

// serve changes what is served.
func (r *trial) serve() {
	r.served, r.fields = servedKinds(r.random.IntN(3) > 0, r.random.IntN(4) > 0), nil
	if r.random.IntN(2) == 0 {
		r.fields = Fields{"spec": true, "spec.dnsNames": true, "spec.secretName": true, "spec.issuerRef": true, "spec.issuerRef.name": true, "spec.issuerRef.kind": true, "spec.issuerRef.group": true}
		if r.random.IntN(2) == 0 {
			r.fields["spec.duration"], r.fields["spec.renewBeforePercentage"] = true, true
		}
	}
	r.wake(r.inventory.Serve(r.served, r.fields))
}

// check holds what is in force against what an inventory decides that has been told all at
// once. Before the queue is empty, what differs has to be in it.
func (r *trial) check(step string, queued map[Key]bool) {
	fresh := r.told(r.T)
	for k := range r.sources {
		look := fresh.Look(k)
		outcome := decide(look)
		look.Close()
		forgotten := told(outcome) != told(r.carriedOut(r.last[k])) || toldNotReady(r.last[k]) && r.moves(outcome) && !toldNotReady(outcome)
		if forgotten && !queued[k] {
			r.Fatalf("after %s: %s %s/%s isn't looked at again\nin force: %s\nshould be: %s", step, k.Kind().Kind, k.Namespace(), k.Name(), told(r.last[k]), told(outcome))
		}
	}
}

// carriedOut is an outcome once its writes are seen: the source itself need not look at them.
func (r *trial) carriedOut(out certshim.Outcome) certshim.Outcome {
	out.Certificates = slices.Clone(out.Certificates)
	for n, d := range out.Certificates {
		at := types.NamespacedName{Namespace: d.Namespace, Name: d.Name}
		if (d.Action == certificate.Create || d.Action == certificate.Apply) && r.certificates[at].Have == d.Want {
			out.Certificates[n].Action, out.Certificates[n].Reason, out.Certificates[n].Guard = certificate.None, certificate.Because(certificate.CauseUpToDate), certificate.Guard{}
		}
	}
	return out
}

// toldNotReady says whether an issuer isn't ready. That is told where it has something new to sign, and what was
// written while it was ready isn't looked at again.
func toldNotReady(out certshim.Outcome) bool {
	return slices.ContainsFunc(out.Problems.All(), func(p problem.Problem) bool { return p.Reason == problem.IssuerNotReady })
}

// moves says whether a Certificate is made, or goes to another issuer.
func (r *trial) moves(out certshim.Outcome) bool {
	return slices.ContainsFunc(out.Certificates, func(d certificate.Decision) bool {
		at := types.NamespacedName{Namespace: d.Namespace, Name: d.Name}
		return d.Action == certificate.Create || d.Action == certificate.Apply && r.certificates[at].Issuer != refOf(d.Config)
	})
}

// told is all of an outcome that somebody acts on but for the issuer's readiness, to be
// compared and read.
func told(out certshim.Outcome) string {
	text := fmt.Sprintf("%s: ignored %q, issuer %v, rule %q", out.Source.UID, out.Ignored, out.Issuer, out.Policy)
	for _, d := range out.Certificates {
		text += fmt.Sprintf("\n  %s %s: %s %v %s", d.Action, d.At(), d.Reason, d.Config, d.Guard.UID)
	}
	for _, p := range out.Problems.All() {
		if p.Reason != problem.IssuerNotReady {
			text += "\n  " + p.Error()
		}
	}
	return text
}

// Whoever's decision a change alters is woken by it, and hardly anybody else: in random worlds
// that change at random, in any order of arrival.
func TestWhoeverAChangeConcernsLooksAgain(t *testing.T) {
	const worlds, steps = 30, 160
	looks, same, across, lost, routed := 0, 0, 0, 0, 0
	for seed := range uint64(worlds) {
		random := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t, random)
		r := &trial{T: t, world: w, inventory: New(w.policy, Options{}), queue: map[Key]bool{}, last: map[Key]certshim.Outcome{}, unread: map[Key]bool{}, changed: map[Key]bool{}}
		r.known[CertificateKind()] = Whole
		r.inventory.Know(CertificateKind(), Whole)
		r.known[GrantKind()] = Whole
		r.inventory.Know(GrantKind(), Whole)
		for _, kind := range []resolver.GroupKind{RouteKind(routes.HTTPRoute), setKind, {Group: "gateway.networking.x-k8s.io", Kind: "XListenerSet"}} {
			r.known[kind] = Whole
			r.inventory.Know(kind, Whole)
		}
		r.serve()
		for n := range steps {
			step := fmt.Sprintf("seed %d, step %d: %s", seed, n, r.step())
			if r.random.IntN(3) == 0 {
				continue
			}
			r.drain()
			r.check(step, r.queue)
		}
		looks, same, across, lost, routed = looks+r.looks, same+r.same, across+r.across, lost+r.lost, routed+r.routed
	}
	t.Logf("%d looks at sources that hadn't changed themselves, of which %d (%.1f %%) gave what the last one gave; %d are about listeners that others have", looks, same, 100*float64(same)/float64(looks), lost)
	if lost < worlds*3 {
		t.Errorf("only %d decisions were about listeners that others have", lost)
	}
	if across < worlds/4 {
		t.Errorf("only %d Certificates were written in other namespaces", across)
	}
	if routed < worlds/6 {
		t.Errorf("only %d Certificates were written with names of routes", routed)
	}
	if same*10 > looks {
		t.Errorf("%d of %d looks at sources that hadn't changed themselves were for nothing, more than a tenth", same, looks)
	}
}

// servedKinds is a discovery with or without the kinds of two groups.
func servedKinds(certManager, strange bool) Served {
	watchable := metav1.Verbs{"get", "list", "watch"}
	all := []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "namespaces", Kind: "Namespace", Verbs: watchable}}}}
	if certManager {
		all = append(all, &metav1.APIResourceList{GroupVersion: "cert-manager.io/v1", APIResources: []metav1.APIResource{
			{Name: "issuers", Kind: "Issuer", Namespaced: true, Verbs: watchable}, {Name: "clusterissuers", Kind: "ClusterIssuer", Verbs: watchable},
		}})
	}
	if strange {
		all = append(all, &metav1.APIResourceList{GroupVersion: strangeKind.Group + "/v1", APIResources: []metav1.APIResource{
			{Name: "corpissuers", Kind: strangeKind.Kind, Verbs: watchable},
		}})
	}
	return ReadDiscovery(all, nil, nil)
}
