package simulated

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

const spaces = 20

// people are those who edit a cluster: teams, operators, other controllers. What they do follows from a seed.
type people struct {
	api     *API
	random  *rand.Rand
	sources int
	// done counts edits by their kind, and asked, for each Certificate, those that may ask for another spec of it.
	done  map[string]int
	asked map[types.NamespacedName]int
}

// edit is something that people do, and how often among all.
type edit struct {
	name   string
	weight int
	do     func(*people)
}

func edits() []edit {
	return []edit{
		{"annotation", 40, (*people).annotate},
		{"hosts", 12, (*people).changeHosts},
		{"secret", 8, (*people).changeSecret},
		{"entries", 8, (*people).changeEntries},
		{"delete a source", 4, (*people).deleteSource},
		{"create a source", 6, (*people).createSource},
		{"edit a Certificate", 8, (*people).editCertificate},
		{"apply to a Certificate", 2, (*people).applyToCertificate},
		{"delete a Certificate", 2, (*people).deleteCertificate},
		{"status of a Certificate", 6, (*people).issue},
		{"issuer", 3, (*people).changeIssuer},
		{"edge of a namespace", 2, (*people).changeEdge},
		{"cut watches", 1, (*people).cutWatches},
		{"expire watches", 1, (*people).expireWatches},
	}
}

// doOne does one edit.
func (p *people) doOne() {
	p.api.lock.Lock()
	defer p.api.lock.Unlock()
	total := 0
	for _, e := range edits() {
		total += e.weight
	}
	n := p.random.IntN(total)
	for _, e := range edits() {
		if n -= e.weight; n < 0 {
			p.done[e.name]++
			e.do(p)
			return
		}
	}
}

func (p *people) resource(group, plural string) *resource {
	return p.api.resources[schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural}]
}

const gatewayAPI = "gateway.networking.k8s.io"

// kinds are the resources of sources.
func (p *people) kinds() []*resource {
	return []*resource{p.resource("networking.k8s.io", "ingresses"), p.gateways(), p.resource(gatewayAPI, "listenersets")}
}

func (p *people) gateways() *resource { return p.resource(gatewayAPI, "gateways") }

// kindOf is the resource of a source.
func (p *people) kindOf(object *unstructured.Unstructured) *resource {
	for _, r := range p.kinds() {
		if r.kind == object.GroupVersionKind() {
			return r
		}
	}
	panic(object.GetKind() + " is no kind of source")
}

// count is how many sources there are.
func (p *people) count() (n int) {
	for _, r := range p.kinds() {
		n += len(r.objects)
	}
	return n
}

// oneSource is a source that a team made.
func (p *people) oneSource() *unstructured.Unstructured {
	n := p.random.IntN(p.count())
	for _, r := range p.kinds() {
		if n < len(r.objects) {
			return r.objects[sortedNames(r.objects)[n]]
		}
		n -= len(r.objects)
	}
	panic("unreachable")
}

func pick[T any](p *people, all ...T) T { return all[p.random.IntN(len(all))] }

// one is an object of a resource; nil if there is none.
func (p *people) one(r *resource) *unstructured.Unstructured {
	names := sortedNames(r.objects)
	if len(names) == 0 {
		return nil
	}
	return r.objects[names[p.random.IntN(len(names))]]
}

// change changes an object by an update.
func (p *people) change(r *resource, manager string, object *unstructured.Unstructured, how func(*unstructured.Unstructured)) {
	if object == nil {
		return
	}
	changed := object.DeepCopy()
	how(changed)
	p.asks(object, changed)
	if _, err := p.api.update(r, "update", manager, object, changed); err != nil {
		panic(err)
	}
}

func (p *people) makeNamespaces() {
	for i := range spaces {
		p.must(p.resource("", "namespaces"), map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": space(i)}})
		for _, name := range []string{"ca", "other"} {
			p.must(p.resource("cert-manager.io", "issuers"), issuerIn(space(i), name))
		}
		p.must(p.gateways(), edge(space(i)))
	}
}

func (p *people) must(r *resource, object map[string]any) {
	p.asks(&unstructured.Unstructured{Object: object})
	if _, err := p.api.create(r, "kubectl-create", &unstructured.Unstructured{Object: object}); err != nil {
		panic(err)
	}
}

func space(i int) string { return fmt.Sprintf("team-%02d", i) }

func issuerIn(namespace, name string) map[string]any {
	return map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": map[string]any{"namespace": namespace, "name": name},
		"spec":   map[string]any{"selfSigned": map[string]any{}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "IsReady"}}},
	}
}

// Of five sources in a row one is a Gateway and one a ListenerSet, in all namespaces.
const gatewayAt, listenerSetAt, inARow = 1, 2, 5

// source is the i-th source, as its team made it first. Some ListenerSets have the issuer of their Gateway.
func source(i int) map[string]any {
	name := fmt.Sprintf("web-%d", i)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{
			"namespace": space(i / inARow % spaces), "name": name, "labels": map[string]any{"app": name},
			"annotations": map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "2160h"},
		},
		"spec": map[string]any{"defaultBackend": map[string]any{"service": map[string]any{"name": "web", "port": map[string]any{"number": int64(80)}}}},
	}}
	switch i % inARow {
	case gatewayAt:
		object.SetAPIVersion(gatewayAPI + "/v1")
		object.SetKind("Gateway")
		object.Object["spec"] = map[string]any{"gatewayClassName": "any"}
	case listenerSetAt:
		object.SetAPIVersion(gatewayAPI + "/v1")
		object.SetKind("ListenerSet")
		object.Object["spec"] = map[string]any{"parentRef": map[string]any{"group": gatewayAPI, "kind": "Gateway", "name": "edge"}}
		if i/inARow%2 == 0 {
			object.SetAnnotations(map[string]string{"cert-manager.io/duration": "2160h"})
		}
	}
	setAsks(object, []asking{{name + "-tls", []string{name + ".example.com"}}})
	return object.Object
}

// edge is the Gateway to which the ListenerSets of a namespace attach.
func edge(namespace string) map[string]any {
	return map[string]any{
		"apiVersion": gatewayAPI + "/v1", "kind": "Gateway",
		"metadata": map[string]any{"namespace": namespace, "name": "edge", "annotations": map[string]any{"cert-manager.io/issuer": "ca"}},
		"spec": map[string]any{
			"gatewayClassName": "any", "allowedListeners": map[string]any{"namespaces": map[string]any{"from": "Same"}},
			"listeners": []any{listener("http", "HTTP", "", 80)},
		},
	}
}

func listener(name, protocol, host string, port int64) map[string]any {
	l := map[string]any{
		"name": name, "port": port, "protocol": protocol, "allowedRoutes": map[string]any{"namespaces": map[string]any{"from": "Same"}},
	}
	if host != "" {
		l["hostname"] = host
	}
	return l
}

// asking is a Secret that a source names, and the hosts that are to be in its certificate.
type asking struct {
	secret string
	hosts  []string
}

// asksOf are the Secrets that a source names, in their order.
func asksOf(source *unstructured.Unstructured) (all []asking) {
	if source.GetKind() == "Ingress" {
		entries, _, _ := unstructured.NestedSlice(source.Object, "spec", "tls")
		for _, entry := range entries {
			secret, _, _ := unstructured.NestedString(entry.(map[string]any), "secretName")
			hosts, _, _ := unstructured.NestedStringSlice(entry.(map[string]any), "hosts")
			all = append(all, asking{secret, hosts})
		}
		return all
	}
	listeners, _, _ := unstructured.NestedSlice(source.Object, "spec", "listeners")
	for _, l := range listeners {
		refs, _, _ := unstructured.NestedSlice(l.(map[string]any), "tls", "certificateRefs")
		if len(refs) == 0 {
			continue
		}
		secret, host := refs[0].(map[string]any)["name"].(string), l.(map[string]any)["hostname"].(string)
		if i := slices.IndexFunc(all, func(a asking) bool { return a.secret == secret }); i >= 0 {
			all[i].hosts = append(all[i].hosts, host)
		} else {
			all = append(all, asking{secret, []string{host}})
		}
	}
	return all
}

// setAsks sets the TLS entries or listeners of a source.
func setAsks(source *unstructured.Unstructured, all []asking) {
	spec := source.Object["spec"].(map[string]any)
	if source.GetKind() == "Ingress" {
		var entries []any
		for _, a := range all {
			entries = append(entries, map[string]any{"secretName": a.secret, "hosts": anys(a.hosts)})
		}
		spec["tls"] = entries
		return
	}
	listeners := []any{listener("http", "HTTP", source.GetName()+".example.com", 80)}
	for _, a := range all {
		for i, host := range a.hosts {
			l := listener(fmt.Sprintf("%s-%d", a.secret, i), "HTTPS", host, 443)
			l["tls"] = map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"group": "", "kind": "Secret", "name": a.secret}}}
			listeners = append(listeners, l)
		}
	}
	spec["listeners"] = listeners
}

func anys(all []string) (out []any) {
	for _, s := range all {
		out = append(out, s)
	}
	return out
}

func (p *people) createSource() {
	object := &unstructured.Unstructured{Object: source(p.random.IntN(p.sources))}
	if r := p.kindOf(object); r.objects[nameOf(object)] == nil {
		p.must(r, object.Object)
	}
}

func (p *people) deleteSource() {
	if object := p.oneSource(); p.count() > p.sources*9/10 {
		p.asks(object)
		p.api.remove(p.kindOf(object), "delete", "kubectl", object)
	}
}

// changeEdge lets the Gateway of a namespace admit ListenerSets or not, name another issuer, or go and come back.
func (p *people) changeEdge() {
	gateways, name := p.gateways(), types.NamespacedName{Namespace: space(p.random.IntN(spaces)), Name: "edge"}
	object := gateways.objects[name]
	if object == nil {
		p.must(gateways, edge(name.Namespace))
		return
	}
	if p.random.IntN(4) == 0 {
		p.asks(object)
		p.api.remove(gateways, "delete", "kubectl", object)
		return
	}
	p.change(gateways, "kubectl-edit", object, func(object *unstructured.Unstructured) {
		object.SetAnnotations(map[string]string{"cert-manager.io/issuer": pick(p, "ca", "other")})
		spec := object.Object["spec"].(map[string]any)
		spec["allowedListeners"] = map[string]any{"namespaces": map[string]any{"from": pick(p, "Same", "Same", "None")}}
	})
}

// annotate sets an annotation to a value, good or bad, or removes it.
func (p *people) annotate() {
	key := pick(p, "issuer", "duration", "renew-before", "common-name", "private-key-algorithm", "usages", "revision-history-limit", "subject-organizations")
	values := map[string][]string{
		"issuer":                 {"ca", "other", "ca", "other", "missing"},
		"duration":               {"2160h", "1440h", "48h", "90d"},
		"renew-before":           {"360h", "24h", "", "soon"},
		"common-name":            {"a.example.com", "b.example.com", ""},
		"private-key-algorithm":  {"RSA", "ECDSA", "Ed25519", "DSA"},
		"usages":                 {"digital signature", "server auth,client auth", "everything"},
		"revision-history-limit": {"1", "5", "-1"},
		"subject-organizations":  {"Acme", "Acme,Example", `"`},
	}[key]
	object := p.oneSource()
	p.change(p.kindOf(object), "kubectl-annotate", object, func(object *unstructured.Unstructured) {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		if key != "issuer" && p.random.IntN(4) == 0 {
			delete(annotations, "cert-manager.io/"+key)
		} else {
			annotations["cert-manager.io/"+key] = pick(p, values...)
		}
		object.SetAnnotations(annotations)
	})
}

// entries changes what a source asks for.
func (p *people) entries(how func(name string, all []asking) []asking) {
	object := p.oneSource()
	p.change(p.kindOf(object), "kubectl-edit", object, func(object *unstructured.Unstructured) {
		setAsks(object, how(object.GetName(), asksOf(object)))
	})
}

func (p *people) changeHosts() {
	p.entries(func(name string, all []asking) []asking {
		for i := range all {
			all[i].hosts = []string{fmt.Sprintf("%s.%d.example.com", name, i)}
			for range p.random.IntN(4) {
				if host := fmt.Sprintf("%s-%d.%d.example.com", name, p.random.IntN(8), i); !slices.Contains(all[i].hosts, host) {
					all[i].hosts = append(all[i].hosts, host)
				}
			}
		}
		return all
	})
}

// changeSecret names another Secret, which another source of the namespace may name too.
func (p *people) changeSecret() {
	p.entries(func(name string, all []asking) []asking {
		if len(all) > 0 {
			own := name + "-tls"
			all[0].secret = pick(p, own, own, own, own+"-new", "shared-tls")
		}
		return all
	})
}

func (p *people) changeEntries() {
	p.entries(func(name string, all []asking) []asking {
		if len(all) > 1 {
			return all[:1]
		}
		return append(all, asking{name + "-more", []string{"more." + name + ".example.com"}})
	})
}

func (p *people) certificates() *resource { return p.api.resources[Certificates()] }

func (p *people) editCertificate() {
	p.change(p.certificates(), pick(p, "kubectl-edit", "kubectl-patch", "argocd-controller"), p.one(p.certificates()), func(object *unstructured.Unstructured) {
		spec := object.Object["spec"].(map[string]any)
		switch p.random.IntN(4) {
		case 0:
			spec["duration"] = pick(p, "100h0m0s", "200h0m0s")
		case 1:
			spec["revisionHistoryLimit"] = int64(1 + p.random.IntN(5))
		case 2:
			object.SetLabels(map[string]string{"app": "edited", "mine": "too"})
		case 3:
			spec["issuerRef"] = map[string]any{"name": "elsewhere", "kind": "Issuer", "group": "cert-manager.io"}
		}
	})
}

func (p *people) applyToCertificate() {
	object := p.one(p.certificates())
	if object == nil {
		return
	}
	config := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
		"metadata": map[string]any{"namespace": object.GetNamespace(), "name": object.GetName()},
		"spec":     map[string]any{"duration": pick(p, "300h0m0s", "400h0m0s")},
	}}
	p.asks(object)
	if _, err := p.api.apply(p.certificates(), "helm", true, config); err != nil {
		panic(err)
	}
}

func (p *people) deleteCertificate() {
	if object := p.one(p.certificates()); object != nil {
		p.asks(object)
		p.api.remove(p.certificates(), "delete", "kubectl", object)
	}
}

// issue writes a status, as cert-manager does.
func (p *people) issue() {
	object := p.one(p.certificates())
	if object == nil {
		return
	}
	changed := object.DeepCopy()
	changed.Object["status"] = map[string]any{"revision": int64(p.random.IntN(1000)), "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}
	p.api.store(p.certificates(), "status", "cert-manager", object, changed)
}

// changeIssuer lets an issuer go, come back, or become unready.
func (p *people) changeIssuer() {
	issuers := p.resource("cert-manager.io", "issuers")
	name := types.NamespacedName{Namespace: space(p.random.IntN(spaces)), Name: pick(p, "ca", "other")}
	object := issuers.objects[name]
	switch {
	case object == nil:
		p.must(issuers, issuerIn(name.Namespace, name.Name))
	case p.random.IntN(2) == 0:
		p.api.remove(issuers, "delete", "kubectl", object)
	default:
		p.change(issuers, "cert-manager", object, func(object *unstructured.Unstructured) {
			object.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": pick(p, "True", "False"), "reason": "Test"}}}
		})
	}
}

func (p *people) cutWatches() {
	for _, r := range p.api.resources {
		for w := range r.watches {
			w.end()
		}
	}
}

// expireWatches ends all watches, and lets none go on from where it was.
func (p *people) expireWatches() { p.api.compact() }

// asks notes for each Certificate that what was done to an object, in versions of it, may ask for another spec of it: to a
// source that names it, to the Gateway of a ListenerSet, or to the Certificate itself.
func (p *people) asks(versions ...*unstructured.Unstructured) {
	for _, object := range versions {
		name := nameOf(object)
		switch object.GetKind() {
		case "Certificate":
			p.asked[name]++
		case "Ingress", "Gateway", "ListenerSet":
			for _, a := range asksOf(object) {
				p.asked[types.NamespacedName{Namespace: name.Namespace, Name: a.secret}]++
			}
			if name.Name == "edge" {
				p.asksAttached(name.Namespace)
			}
		}
	}
}

func (p *people) asksAttached(namespace string) {
	for _, set := range p.resource(gatewayAPI, "listenersets").objects {
		if set.GetNamespace() == namespace {
			p.asks(set)
		}
	}
}
