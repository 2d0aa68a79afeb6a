package certificate_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// release sends the patch of a release, of which it understands as much as one has.
func (w *world) release(r certificate.Release) {
	w.Helper()
	var steps []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(r.Patch, &steps); err != nil {
		w.Fatal(err)
	}
	guard := slices.IndexFunc(steps, func(step struct {
		Op, Path string
		Value    any
	}) bool {
		return step.Path == "/metadata/resourceVersion"
	})
	if guard < 0 || steps[guard].Value != strconv.Itoa(w.version) {
		w.Fatalf("nothing guards %s", r.Patch)
	}
	w.must(w.update("certshim", func(o map[string]any) {
		metadata := o["metadata"].(map[string]any)
		for _, step := range steps {
			parts := strings.Split(strings.TrimPrefix(step.Path, "/metadata/"), "/")
			switch {
			case step.Op == "remove" && (parts[0] == "annotations" || parts[0] == "labels"):
				delete(metadata[parts[0]].(map[string]any), strings.ReplaceAll(parts[1], "~1", "/"))
			case step.Op == "remove" && parts[0] == "ownerReferences":
				at, _ := strconv.Atoi(parts[1])
				metadata["ownerReferences"] = slices.Delete(metadata["ownerReferences"].([]any), at, at+1)
			case parts[0] == "managedFields":
				metadata["managedFields"] = step.Value
			case parts[0] == "resourceVersion":
			default:
				w.Fatalf("%s %s isn't of a release", step.Op, step.Path)
			}
		}
	}))
}

func (w *world) observed() certificate.Observed {
	seen := certificate.Observe(w.object())
	seen.Live = w.object()
	return seen
}

// managers are those that are recorded, with their operations.
func (w *world) managers() []string {
	var all []string
	for _, e := range w.entries() {
		all = append(all, e.Manager+" "+string(e.Operation))
	}
	return all
}

// A Certificate that was given back is its shim's, as if that had made it: the spec stays, and
// certshim takes it over again as it took it over first.
func TestGiveBack(t *testing.T) {
	for name, before := range map[string]func(*world){
		"what certshim made": func(w *world) { w.converge() },
		"what a shim made":   func(w *world) { w.shimMade(t); w.converge() },
		"what a shim made, with a field of its own": func(w *world) {
			w.shimMade(t)
			w.must(w.update(shim, func(o map[string]any) { spec(o)["isCA"] = false }))
			w.converge()
		},
		"what a shim applies": func(w *world) {
			w.shimMade(t)
			w.must(w.apply(shim, certificate.Build(input()), true))
			w.converge()
		},
		"with a co-owner": func(w *world) {
			w.converge()
			w.must(w.apply("helm", partOf([]string{"spec", "duration"}, "2h0m0s"), false))
		},
		"with values of a resolver": func(w *world) {
			w.in.Statement.Values.Usages = []string{"server auth"}
			w.converge()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: input(withDuration)}
			before(w)
			was, helm := spec(w.object()), slices.Contains(w.managers(), "helm Apply")
			r := certificate.GiveBack(w.in.Kind, w.in.Source, w.observed())
			if !r.Refused.IsZero() || r.To != shim {
				t.Fatalf("%+v", r)
			}
			w.release(r)
			want := []string{shim + " Update"}
			if helm {
				want = []string{"helm Apply", shim + " Update"}
			}
			if got := w.managers(); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(was, spec(w.object())) {
				t.Errorf("held by %v; the spec was\n%v\nand is\n%v", got, was, spec(w.object()))
			}
			if set := annotationsOf(w.object()); set[certificate.FromResolver] != nil {
				t.Errorf("%v", set)
			}
			if again := certificate.GiveBack(w.in.Kind, w.in.Source, w.observed()); again.Patch != nil || !again.Refused.IsZero() {
				t.Errorf("given back twice: %+v", again)
			}
			w.in.Statement.Values.Usages = nil
			w.must(w.update(shim, func(o map[string]any) { spec(o)["duration"] = "3h0m0s" }))
			w.in.Request.Duration = nil
			w.converge()
		})
	}
}

// A Certificate that was freed has no owner, nobody is recorded for it, and certshim leaves it alone.
func TestFree(t *testing.T) {
	for name, row := range map[string]struct {
		in     certificate.Input
		before func(*world)
	}{
		"with an owner reference": {input(withDuration), func(w *world) { w.converge() }},
		"tied":                    {input(withDuration, retained), func(w *world) { w.converge() }},
		"adopted": {input(withDuration), func(w *world) {
			*w = *handMade(t, input(withDuration, adopting(byHand)))
			w.must(w.execute(w.decide()))
			w.in.Policy.Adoption = nil
		}},
		"a shim's": {input(withDuration), func(w *world) { w.shimMade(t) }},
		"in another namespace": {input(withDuration, retained), func(w *world) {
			w.converge()
			w.must(w.update("certshim", func(o map[string]any) {
				o["metadata"].(map[string]any)["labels"] = map[string]any{certificate.SourceUIDLabel: "source-uid"}
			}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: row.in}
			row.before(w)
			was := spec(w.object())
			r := certificate.Free(w.in.Source, w.observed())
			if !r.Refused.IsZero() || r.To != "" {
				t.Fatalf("%+v", r)
			}
			w.release(r)
			seen, set := w.observed(), annotationsOf(w.object())
			if seen.Owner != (certificate.Owner{}) || seen.Flags.Has(certificate.Applied) || set[certificate.TieKey] != nil || set[annotations.DeletionKey] != nil || !reflect.DeepEqual(was, spec(w.object())) {
				t.Errorf("owner %+v, %v, spec %v", seen.Owner, set, spec(w.object()))
			}
			if labels := fmt.Sprint(w.object()["metadata"].(map[string]any)["labels"]); strings.Contains(labels, certificate.SourceUIDLabel) {
				t.Errorf("it has the label of its source: %s", labels)
			}
			w.in.Retain = false
			if d := w.decide(); d.Action != certificate.Refuse {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
			// Whoever applies it next takes it without a conflict, with other values too.
			if row.in.Retain {
				w.must(w.apply("helm", partOf([]string{"spec", "duration"}, "9h0m0s"), false))
			}
		})
	}
}

// shimless is a kind of which cert-manager knows nothing.
type shimless struct{ source.Kind }

func (shimless) Shim() string { return "" }

// What isn't the source's isn't given up, and what a shim wouldn't know isn't given back to it.
func TestReleaseIsRefused(t *testing.T) {
	in := input()
	up := ownOf(in, "10:00")
	stranger := certificate.Owner{Group: "apps", Kind: "Deployment", Name: "x", UID: "x"}
	tied := input(retained)
	for name, row := range map[string]struct {
		live map[string]any
		free bool
		want certificate.Reason
	}{
		"another object's":           {liveOf(t, in, ownedBy(stranger), up), false, because(certificate.CauseOtherOwner, "web-tls", "Deployment x")},
		"another object's, to free":  {liveOf(t, in, ownedBy(stranger), up), true, because(certificate.CauseOtherOwner, "web-tls", "Deployment x")},
		"being deleted":              {liveOf(t, in, deleting, up), true, because(certificate.CauseDeleting)},
		"without an owner reference": {liveOf(t, tied, nil, ownOf(tied, "10:00")), false, because(certificate.CauseNoReference)},
	} {
		seen := certificate.Observe(row.live)
		seen.Live = row.live
		r := certificate.GiveBack(in.Kind, in.Source, seen)
		if row.free {
			r = certificate.Free(in.Source, seen)
		}
		if !same(r.Refused, row.want) || r.Patch != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	other := &source.Object{Ref: source.Ref{Group: "x.example.com", Kind: "Route", Namespace: "shop", Name: "web", UID: "source-uid"}}
	if r := certificate.GiveBack(shimless{in.Kind}, other, certificate.Observed{}); !same(r.Refused, because(certificate.CauseNoShim, "Route")) {
		t.Errorf("%+v", r)
	}
}
