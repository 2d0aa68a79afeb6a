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
	// done counts edits by their kind.
	done map[string]int
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
		{"cut watches", 1, (*people).cutWatches},
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

func (p *people) ingresses() *resource { return p.resource("networking.k8s.io", "ingresses") }

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
	}
}

func (p *people) must(r *resource, object map[string]any) {
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

// source is the i-th Ingress, as its team made it first.
func source(i int) map[string]any {
	name := fmt.Sprintf("web-%d", i)
	return map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{
			"namespace": space(i % spaces), "name": name, "labels": map[string]any{"app": name},
			"annotations": map[string]any{"cert-manager.io/issuer": "ca", "cert-manager.io/duration": "2160h"},
		},
		"spec": map[string]any{"tls": []any{tls(name+"-tls", name+".example.com")}},
	}
}

func tls(secret string, hosts ...any) map[string]any {
	return map[string]any{"secretName": secret, "hosts": hosts}
}

func (p *people) createSource() {
	object := source(p.random.IntN(p.sources))
	name := nameOf(&unstructured.Unstructured{Object: object})
	if p.ingresses().objects[name] == nil {
		p.must(p.ingresses(), object)
	}
}

func (p *people) deleteSource() {
	if object := p.one(p.ingresses()); object != nil && len(p.ingresses().objects) > p.sources*9/10 {
		p.api.remove(p.ingresses(), "delete", "kubectl", object)
	}
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
	p.change(p.ingresses(), "kubectl-annotate", p.one(p.ingresses()), func(object *unstructured.Unstructured) {
		annotations := object.GetAnnotations()
		if key != "issuer" && p.random.IntN(4) == 0 {
			delete(annotations, "cert-manager.io/"+key)
		} else {
			annotations["cert-manager.io/"+key] = pick(p, values...)
		}
		object.SetAnnotations(annotations)
	})
}

// entries changes spec.tls.
func (p *people) entries(how func(object *unstructured.Unstructured, entries []any) []any) {
	p.change(p.ingresses(), "kubectl-edit", p.one(p.ingresses()), func(object *unstructured.Unstructured) {
		spec := object.Object["spec"].(map[string]any)
		entries, _ := spec["tls"].([]any)
		spec["tls"] = how(object, entries)
	})
}

func (p *people) changeHosts() {
	p.entries(func(object *unstructured.Unstructured, entries []any) []any {
		for _, entry := range entries {
			entry := entry.(map[string]any)
			entry["hosts"] = []any{object.GetName() + ".example.com"}
			for range p.random.IntN(4) {
				host := fmt.Sprintf("%s-%d.example.com", object.GetName(), p.random.IntN(8))
				if !slices.Contains(entry["hosts"].([]any), any(host)) {
					entry["hosts"] = append(entry["hosts"].([]any), host)
				}
			}
		}
		return entries
	})
}

// changeSecret names another Secret, which another source of the namespace may name too.
func (p *people) changeSecret() {
	p.entries(func(object *unstructured.Unstructured, entries []any) []any {
		if len(entries) > 0 {
			own := object.GetName() + "-tls"
			entries[0].(map[string]any)["secretName"] = pick(p, own, own, own, own+"-new", "shared-tls")
		}
		return entries
	})
}

func (p *people) changeEntries() {
	p.entries(func(object *unstructured.Unstructured, entries []any) []any {
		if len(entries) > 1 {
			return entries[:1]
		}
		return append(entries, tls(object.GetName()+"-more", "more."+object.GetName()+".example.com"))
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
	if _, err := p.api.apply(p.certificates(), "helm", true, config); err != nil {
		panic(err)
	}
}

func (p *people) deleteCertificate() {
	if object := p.one(p.certificates()); object != nil {
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
