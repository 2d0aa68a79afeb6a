package certificate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// input is an Ingress shop/web with one Secret, of which a test changes what it is about.
// because is a reason, and behind one with another behind it.
var because = certificate.Because

func behind(why, other certificate.Reason) certificate.Reason {
	why.Behind = &other
	return why
}

// same compares reasons, whose words must have all that they are about, and no more.
func same(a, b certificate.Reason) bool {
	return reflect.DeepEqual(a, b) && !strings.Contains(a.String(), "%!")
}

func input(change ...func(*certificate.Input)) certificate.Input {
	in := certificate.Input{
		Source: &source.Object{
			Ref:    source.Ref{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: "shop", Name: "web", UID: "source-uid"},
			Labels: map[string]string{"app": "web"},
		},
		Ask: source.Ask{
			Secret: "web-tls", Hosts: []string{"a.example.com"},
			Entries: []source.EntryRef{{Path: "spec.tls[0]"}},
		},
		Issuer: resolver.Issuer{Ref: resolver.Ref{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"}},
	}
	for _, f := range change {
		f(&in)
	}
	in.Kind, _ = source.Builtin().Lookup(in.Source.Group, in.Source.Kind)
	return in
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// asked is a source that asks for something out of small pools, so that values of several
// writers are often equal and often not.
func asked(r *rand.Rand) certificate.Input {
	return input(func(in *certificate.Input) {
		in.Source.Labels = pick(r, nil, map[string]string{"app": "web"}, map[string]string{"app": "shop", "team": "a"})
		in.Ask.Hosts = pick(r, []string{"a.example.com"}, []string{"a.example.com", "b.example.com"}, []string{"b.example.com", "10.0.0.1"})
		in.Issuer.Name = pick(r, "ca", "other")
		in.Issuer.Kind = pick(r, "Issuer", "ClusterIssuer")
		in.Request.Duration = pick(r, nil, span(time.Hour), span(2*time.Hour))
		in.Request.Usages = pick(r, nil, []string{"server auth"})
		in.Request.PrivateKey = pick(r, annotations.PrivateKey{}, annotations.PrivateKey{Algorithm: "ECDSA", Size: 256}, annotations.PrivateKey{Algorithm: "RSA", Size: 4096, Encoding: "PKCS8"})
		in.Request.Subject.Countries = pick(r, nil, []string{"DE"})
		in.Request.Extra = pick(r, nil, map[string]string{"example.com/a": "1"})
		in.Request.SecretTemplate.Labels = pick(r, nil, map[string]string{"team": "a"})
		in.Request.Unread = pick(r, nil, nil, nil, []annotations.Field{annotations.FieldDuration}, []annotations.Field{annotations.FieldPrivateKey})
		in.Ask.Broken = pick(r, nil, nil, nil, []source.EntryRef{{Path: "spec.tls[1]"}})
		in.Retain = pick(r, false, false, true)
	})
}

func span(d time.Duration) *time.Duration { return &d }

// edit sets, or removes, one field as any writer may.
func edit(r *rand.Rand, object map[string]any) {
	metadata, _ := object["metadata"].(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	inner := func(of map[string]any, name string) map[string]any {
		m, ok := of[name].(map[string]any)
		if !ok {
			m = map[string]any{}
			of[name] = m
		}
		return m
	}
	switch r.IntN(13) {
	case 0:
		spec["duration"] = pick(r, "1h0m0s", "2h0m0s", "3h0m0s")
	case 1:
		delete(spec, pick(r, "duration", "usages", "subject", "privateKey", "secretTemplate"))
	case 2:
		inner(spec, "issuerRef")["name"] = pick(r, "ca", "other", "third")
	case 3:
		inner(spec, "issuerRef")["kind"] = pick(r, "Issuer", "ClusterIssuer")
	case 4:
		inner(spec, "privateKey")[pick(r, "algorithm", "encoding")] = pick(r, "ECDSA", "PKCS8")
	case 5:
		spec["dnsNames"] = pick(r, []any{"a.example.com"}, []any{"x.example.com"})
	case 6:
		inner(metadata, "labels")[pick(r, "app", "team", "foreign")] = pick(r, "web", "a")
	case 7:
		inner(metadata, "annotations")["example.com/a"] = pick(r, "1", "2")
	case 8:
		spec["isCA"] = true
	case 9:
		inner(inner(spec, "secretTemplate"), "labels")["team"] = pick(r, "a", "b")
	case 10:
		// Whoever sets an empty map holds it as a value.
		metadata[pick(r, "labels", "annotations")] = map[string]any{}
	case 11:
		spec[pick(r, "subject", "privateKey", "secretTemplate")] = map[string]any{}
	case 12:
		inner(spec, "secretTemplate")[pick(r, "labels", "annotations")] = map[string]any{}
	}
}

// part is an apply configuration of one field or two.
func part(r *rand.Rand) map[string]any {
	object := map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
		"metadata": map[string]any{"name": "web-tls", "namespace": "shop"}, "spec": map[string]any{},
	}
	edit(r, object)
	edit(r, object)
	if spec := object["spec"].(map[string]any); len(spec) == 0 {
		delete(object, "spec")
	}
	return object
}

// world is a Certificate, its source, and everybody who writes it.
type world struct {
	*server
	*testing.T
	random *rand.Rand
	in     certificate.Input
	// known is what only the process knows of the Certificate.
	known certificate.Observed
	log   []string
	// short counts the reports that are made the short way.
	short int
}

func (w *world) failf(format string, args ...any) {
	w.Helper()
	w.Fatalf("%s\nafter:\n%s", fmt.Sprintf(format, args...), strings.Join(w.log, "\n"))
}

// disturb lets something happen that is not certshim's doing.
func (w *world) disturb() {
	r := w.random
	step := pick(r, "source", "source", "source", "kubectl-edit", "kubectl-edit", "helm", "argocd", "shim edits", "shim updates", "shim applies", "clear")
	w.log = append(w.log, step)
	if step == "source" || !w.exists {
		w.in = asked(r)
		return
	}
	var err error
	switch step {
	case "kubectl-edit":
		err = w.update("kubectl-edit", func(o map[string]any) { edit(r, o) })
	case "helm":
		_ = w.apply("helm", part(r), false) // a conflict is Helm's to see
	case "argocd":
		err = w.apply("argocd-controller", part(r), true)
	case "shim edits":
		err = w.update("cert-manager-ingress-shim", func(o map[string]any) { edit(r, o) })
	case "shim updates":
		config := certificate.Build(asked(r))
		err = w.update("cert-manager-ingress-shim", func(o map[string]any) { o["spec"] = config["spec"] })
	case "shim applies":
		asked := asked(r)
		asked.Retain = false
		err = w.apply("cert-manager-ingress-shim", certificate.Build(asked), true)
	case "clear":
		err = w.clear()
	}
	if err != nil {
		w.failf("the test's own write: %v", err)
	}
}

// decide asks as the controller does: from what the cache keeps, then with live values.
func (w *world) decide() certificate.Decision {
	in := w.in
	if w.exists {
		seen := certificate.Observe(w.object())
		seen.Flags |= w.known.Flags
		seen.Before, seen.Fights = w.known.Before, w.known.Fights
		in.Existing = &seen
	}
	decide := func() certificate.Decision {
		if in.Existing != nil && in.Retain && certificate.Referred(in.Source, *in.Existing) {
			return certificate.Retain(in.Source, *in.Existing)
		}
		return certificate.Decide(in)
	}
	d := decide()
	if !d.NeedsLive {
		return d
	}
	in.Existing.Live = w.object()
	before := runtime.DeepCopyJSON(in.Existing.Live)
	if d = decide(); d.NeedsLive {
		w.failf("it needs live values, and has them")
	}
	if !reflect.DeepEqual(before, in.Existing.Live) {
		w.failf("the decision changed the live object")
	}
	return d
}

// converge decides and executes until nothing is to be written.
func (w *world) converge() {
	for range 3 {
		d := w.decide()
		w.log = append(w.log, fmt.Sprintf("  %s: %s %v", d.Action, d.Reason, d.Yielded))
		if d.Action != certificate.Create && d.Action != certificate.Apply {
			w.settled(d)
			return
		}
		before := w.object()
		if err := w.execute(d); err != nil {
			w.failf("the API server refuses what was decided: %v", err)
		}
		w.wroteOnlyItsOwn(d, before)
	}
	w.failf("it goes on writing")
}

// wroteOnlyItsOwn: what others hold keeps its value, and an issuer is never mixed.
func (w *world) wroteOnlyItsOwn(d certificate.Decision, before map[string]any) {
	w.Helper()
	after := w.object()
	if d.Unchanged && !reflect.DeepEqual(content(before), content(after)) {
		w.failf("values change, and were said not to:\n%v\n%v", content(before), content(after))
	}
	if have := certificate.Observe(after).Have; have != d.Want {
		w.failf("what is owned isn't what was wanted: %v, %v", have, d.Want)
	}
	if before == nil {
		return
	}
	if foreseen := content(certificate.After(before, d.Config)); !holds(foreseen, content(after)) {
		w.failf("it was foreseen as\n%v\nand is\n%v", foreseen, content(after))
	}
	for _, path := range []string{"isCA", "duration", "usages", "dnsNames"} {
		if certificate.AppliedByOthers(before, "spec", path) && !reflect.DeepEqual(spec(before)[path], spec(after)[path]) {
			w.failf("%s of another manager changes from %v to %v", path, spec(before)[path], spec(after)[path])
		}
	}
	wanted := spec(certificate.Build(w.in))["issuerRef"]
	if got := spec(after)["issuerRef"]; !reflect.DeepEqual(got, spec(before)["issuerRef"]) && !reflect.DeepEqual(got, wanted) {
		w.failf("the issuer is a mixture: %v, of %v and %v", got, spec(before)["issuerRef"], wanted)
	}
	if yielded(d, ".spec.privateKey") && !reflect.DeepEqual(spec(before)["privateKey"], spec(after)["privateKey"]) {
		w.failf("the private key is left to another manager, and changes: %v, %v", spec(before)["privateKey"], spec(after)["privateKey"])
	}
}

// settled: each wanted field is there, or left to somebody who is named.
func (w *world) settled(d certificate.Decision) {
	w.Helper()
	if d.Action != certificate.None && d.Action != certificate.Refuse {
		w.failf("it ends with %s: %s", d.Action, d.Reason)
	}
	if d.Action == certificate.Refuse {
		return
	}
	// A tie that nobody is recorded for stays beside the owner reference, where it says nothing.
	if metadata := w.object()["metadata"].(map[string]any); (metadata["ownerReferences"] == nil) != w.in.Retain || w.in.Retain && annotationsOf(w.object())[certificate.TieKey] == nil {
		w.failf("it is to be retained %v, and has %v", w.in.Retain, metadata)
	}
	wanted, there := spec(certificate.Build(w.in)), spec(w.object())
	for name, want := range wanted {
		unread := slices.Contains(w.in.Request.Unread, annotations.Field("spec."+name))
		names := strings.HasSuffix(name, "Names") || strings.HasSuffix(name, "Addresses")
		if unread || names && len(w.in.Ask.Broken) > 0 || yielded(d, ".spec."+name) {
			continue
		}
		if !holds(there[name], want) {
			w.failf("%s is %v, and is wanted as %v", name, there[name], want)
		}
	}
}

func yielded(d certificate.Decision, field string) bool {
	return slices.ContainsFunc(d.Yielded, func(c certificate.Conflict) bool { return strings.HasPrefix(c.Field, field) })
}

// holds says whether a value has all that is wanted; others may have added to a map.
func holds(there, want any) bool {
	wanted, isMap := want.(map[string]any)
	if !isMap {
		return reflect.DeepEqual(there, want)
	}
	has, _ := there.(map[string]any)
	for name := range wanted {
		if !holds(has[name], wanted[name]) {
			return false
		}
	}
	return true
}

func spec(object map[string]any) map[string]any {
	s, _ := object["spec"].(map[string]any)
	return s
}

// content is an object without what every write changes.
func content(object map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(object)
	metadata := out["metadata"].(map[string]any)
	maps.DeleteFunc(metadata, func(name string, _ any) bool { return name == "managedFields" || name == "resourceVersion" })
	return out
}

// Whatever happens to a Certificate, what follows from it is taken by the API server,
// leaves others' fields alone, and comes to an end.
func TestDecisionsConverge(t *testing.T) {
	const worlds, steps = 30, 20
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{server: newServer(), T: t, random: rand.New(rand.NewPCG(seed, 1))}
			w.in = asked(w.random)
			for range steps {
				w.converge()
				writes := w.writes
				w.converge()
				if w.writes != writes {
					w.failf("a second look writes")
				}
				w.disturb()
			}
		})
	}
}
