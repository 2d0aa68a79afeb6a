package certificate_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

const byHand = "kubectl-client-side-apply"

// adopting lets what these field managers made be taken over.
func adopting(managers ...string) func(*certificate.Input) {
	return func(in *certificate.Input) { in.Policy.Adoption = &certificate.Adoption{Managers: managers} }
}

func owning(in *certificate.Input) { in.Policy.Adoption.Own = true }

// handMade is a Certificate that somebody wrote as the source asks for it, with a field more.
func handMade(t *testing.T, in certificate.Input) *world {
	w := &world{server: newServer(), T: t, in: in}
	w.must(w.update(byHand, func(o map[string]any) {
		for name, value := range certificate.Build(input(withDuration)) {
			o[name] = value
		}
		metadata := o["metadata"].(map[string]any)
		metadata["uid"] = "certificate-uid"
		delete(metadata, "ownerReferences")
		spec(o)["isCA"] = false
	}))
	return w
}

// What was made by hand becomes the source's without a change of its spec, and stays so: a field that
// is no longer asked for goes, one that never was stays.
func TestAdoptWhatWasMadeByHand(t *testing.T) {
	for name, own := range map[string]bool{"to outlive its source": false, "to go with its source": true} {
		t.Run(name, func(t *testing.T) {
			w := handMade(t, input(withDuration, adopting(byHand)))
			w.in.Policy.Adoption.Own = own
			before := spec(w.object())
			d := w.decide()
			if d.Action != certificate.Apply || !d.Adopted || d.TakeOver == nil || d.Reissue != certificate.ReissueNo || d.Force {
				t.Fatalf("%s: %s\n%+v", d.Action, d.Reason, d)
			}
			for _, c := range d.Changes {
				if c.InSpec() {
					t.Errorf("%+v", c)
				}
			}
			w.must(w.execute(d))
			if !reflect.DeepEqual(before, spec(w.object())) {
				t.Errorf("the spec was\n%v\nand is\n%v", before, spec(w.object()))
			}
			seen := certificate.Observe(w.object())
			if !certificate.Owns(w.in.Source, seen) || certificate.Referred(w.in.Source, seen) != own || seen.Flags.Has(certificate.Retained) == own {
				t.Errorf("owner %+v, flags %b", seen.Owner, seen.Flags)
			}
			w.in.Policy.Adoption, w.in.Retain = nil, !own
			w.converge()
			if d := w.decide(); d.Action != certificate.None {
				t.Errorf("%s: %s", d.Action, d.Reason)
			}
			w.in.Request.Duration = nil
			w.converge()
			if now := spec(w.object()); now["duration"] != nil || now["isCA"] != false {
				t.Errorf("%v", now)
			}
		})
	}
}

// A Certificate that says itself that it outlives its source stops saying so when the source does.
func TestAdoptedCertificateFollowsItsSource(t *testing.T) {
	w := handMade(t, input(withDuration, adopting(byHand)))
	w.must(w.execute(w.decide()))
	w.in.Policy.Adoption, w.in.Retain = nil, false
	w.converge()
	seen := certificate.Observe(w.object())
	if !certificate.Referred(w.in.Source, seen) || annotationsOf(w.object())[annotations.DeletionKey] != nil || annotationsOf(w.object())[certificate.TieKey] != nil {
		t.Errorf("owner %+v, %v", seen.Owner, annotationsOf(w.object()))
	}
}

// What was stopped between the patch of managedFields and the apply is finished by the same command.
func TestAdoptionIsFinished(t *testing.T) {
	w := handMade(t, input(withDuration, adopting(byHand), owning))
	d := w.decide()
	d.Unchanged = true // so that the apply isn't sent
	w.must(w.execute(d))
	if seen := certificate.Observe(w.object()); seen.Owner != (certificate.Owner{}) {
		t.Fatalf("owner %+v", seen.Owner)
	}
	if d = w.decide(); d.Action != certificate.Apply || !d.Adopted {
		t.Fatalf("%s: %s", d.Action, d.Reason)
	}
	w.must(w.execute(d))
	if seen := certificate.Observe(w.object()); !certificate.Referred(w.in.Source, seen) {
		t.Errorf("owner %+v", seen.Owner)
	}
}

// Nothing is adopted that wasn't named, or of which anything is in doubt, and what is missing is said.
func TestAdoptionInDoubt(t *testing.T) {
	other := func(in *certificate.Input) { in.Other = &source.Ref{Kind: "Gateway", Name: "edge"} }
	unowned := func(o map[string]any) { delete(o["metadata"].(map[string]any), "ownerReferences") }
	stranger := certificate.Owner{Group: "apps", Kind: "Deployment", Name: "x", UID: "x"}
	by := func(manager, operation string) string {
		return without(entryOf(manager, operation, "10:00", input()), "metadata>ownerReferences>{source-uid}")
	}
	for name, tt := range map[string]struct {
		in      certificate.Input
		change  func(map[string]any)
		entry   string
		missing certificate.Reason
	}{
		"by somebody who isn't named": {in: input(adopting("helm")), missing: because(certificate.CauseNotNamed, `"`+byHand+`" (Update)`)},
		"nobody is named":             {in: input(adopting()), missing: because(certificate.CauseNotNamed, `"`+byHand+`" (Update)`)},
		"a shim's, without an owner":  {in: input(adopting(byHand)), entry: by(shim, "Update"), missing: because(certificate.CauseNotNamed, `"`+shim+`" (Update)`)},
		"an orphan of certshim's":     {in: input(adopting(byHand)), entry: by("certshim", "Apply"), missing: because(certificate.CauseNotNamed, `"certshim" (Apply)`)},
		"no adoption":                 {in: input()},
		"another Secret":              {in: input(adopting(byHand)), change: set("secretName", "x"), missing: because(certificate.CauseOtherSecret, "x")},
		"another object":              {in: input(adopting(byHand), other), missing: because(certificate.CauseOtherNames, "Gateway edge", "web-tls")},
		"another Certificate":         {in: input(adopting(byHand), writers("other")), missing: because(certificate.CauseOtherWriter, "other", "web-tls")},
		"nothing asks":                {in: input(adopting(byHand), noHosts), missing: because(certificate.CauseLeftOut)},
		"a broken entry":              {in: input(adopting(byHand), brokenEntry), missing: because(certificate.CauseAskUnreadable)},
		"a name less":                 {in: input(adopting(byHand)), change: set("dnsNames", []any{"a.example.com", "b.example.com"}), missing: because(certificate.CauseLosesNames, "b.example.com")},
		"an address less":             {in: input(adopting(byHand)), change: set("ipAddresses", []any{"10.0.0.1"}), missing: because(certificate.CauseLosesNames, "10.0.0.1")},
		"another controller":          {in: input(adopting(byHand)), change: ownedBy(stranger)},
	} {
		t.Run(name, func(t *testing.T) {
			change := tt.change
			if name != "another controller" {
				change = both(unowned, func(o map[string]any) {
					if tt.change != nil {
						tt.change(o)
					}
				})
			}
			if tt.entry == "" {
				tt.entry = by(byHand, "Update")
			}
			why := because(certificate.CauseNoOwner, "web-tls")
			switch {
			case name == "another controller":
				why = because(certificate.CauseOtherOwner, "web-tls", "Deployment x")
			case !tt.missing.IsZero():
				why = behind(why, tt.missing)
			}
			d := decideLive(tt.in, liveOf(t, input(), change, tt.entry))
			if d.Action != certificate.Refuse || !same(d.Reason, why) || d.Adopted || d.TakeOver != nil {
				t.Errorf("%s: %s; want %s", d.Action, d.Reason, why)
			}
		})
	}
}

// An issuer reference gets the kind and group that it lacks, for which a release of cert-manager
// issues again.
func TestAdoptionFillsTheIssuer(t *testing.T) {
	w := handMade(t, input(withDuration, adopting(byHand)))
	w.must(w.update(byHand, func(o map[string]any) { spec(o)["issuerRef"] = map[string]any{"name": "ca"} }))
	if d := w.decide(); d.Action != certificate.Apply || d.Reissue != certificate.ReissueUnknown {
		t.Errorf("%s: %s (%s)", d.Action, d.Reason, d.Reissue)
	}
}

// A manager that is named loses its fields on Certificates that are the source's already, too, even
// if it applies them.
func TestAdoptFromAnotherApplier(t *testing.T) {
	w := &world{server: newServer(), T: t, in: input(withDuration)}
	w.converge()
	w.must(w.apply("helm", certificate.Build(input(withDuration)), false))
	if d := w.decide(); d.Action != certificate.None {
		t.Fatalf("%s: %s", d.Action, d.Reason)
	}
	w.in.Policy.Adoption = &certificate.Adoption{Managers: []string{"helm"}}
	d := w.decide()
	if d.Action != certificate.Apply || !d.Unchanged || d.TakeOver == nil {
		t.Fatalf("%s: %s", d.Action, d.Reason)
	}
	w.must(w.execute(d))
	w.in.Policy.Adoption = nil
	w.in.Request.Duration = nil
	w.converge()
	if now := spec(w.object()); now["duration"] != nil {
		t.Errorf("%v", now)
	}
}

// A Certificate moves from one controller to another in one apply, and only from the one that was
// named.
func TestAdoptFromAnotherOwner(t *testing.T) {
	gateway := func(in *certificate.Input) {
		in.Source.Group, in.Source.Kind, in.Source.Name, in.Source.UID = "gateway.networking.k8s.io", "Gateway", "edge", "edge-uid"
		in.Kind, _ = source.Builtin().Lookup(in.Source.Group, in.Source.Kind)
	}
	from := func(uid string) func(*certificate.Input) {
		return func(in *certificate.Input) { in.Policy.Adoption = &certificate.Adoption{From: uid} }
	}
	for name, tt := range map[string]struct {
		make    func(w *world)
		in      certificate.Input
		patched bool
		action  certificate.Action
		reason  certificate.Reason
	}{
		"of certshim":   {func(w *world) { w.converge() }, input(gateway, withDuration, from("source-uid")), false, certificate.Apply, certificate.Reason{}},
		"of a shim":     {func(w *world) { w.shimMade(t) }, input(gateway, withDuration, from("source-uid")), true, certificate.Apply, certificate.Reason{}},
		"to be kept":    {func(w *world) { w.converge() }, input(gateway, withDuration, retained, from("source-uid")), false, certificate.Apply, certificate.Reason{}},
		"of another":    {func(w *world) { w.converge() }, input(gateway, withDuration, from("other-uid")), false, certificate.Refuse, because(certificate.CauseOtherOwner, "web-tls", "Ingress web")},
		"with a name":   {func(w *world) { w.converge() }, input(gateway, withDuration, from("source-uid"), hosts("a.example.com", "b.example.com")), false, certificate.Apply, certificate.Reason{}},
		"without names": {func(w *world) { w.converge() }, input(gateway, withDuration, from("source-uid"), hosts("b.example.com")), false, certificate.Refuse, behind(because(certificate.CauseOtherOwner, "web-tls", "Ingress web"), because(certificate.CauseLosesNames, "a.example.com"))},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: input(withDuration)}
			tt.make(w)
			w.in = tt.in
			d := w.decide()
			if d.Action != tt.action || !tt.reason.IsZero() && !same(d.Reason, tt.reason) || (d.TakeOver != nil) != tt.patched {
				t.Fatalf("%s: %s, patched %v", d.Action, d.Reason, d.TakeOver != nil)
			}
			if d.Action == certificate.Refuse {
				return
			}
			w.must(w.execute(d))
			seen := certificate.Observe(w.object())
			if !certificate.Owns(w.in.Source, seen) || certificate.Referred(w.in.Source, seen) == w.in.Retain {
				t.Errorf("owner %+v", seen.Owner)
			}
			if owners, _ := w.object()["metadata"].(map[string]any)["ownerReferences"].([]any); len(owners) > 1 {
				t.Errorf("%v", owners)
			}
			w.in.Policy.Adoption = nil
			w.converge()
		})
	}
}

func hosts(names ...string) func(*certificate.Input) {
	return func(in *certificate.Input) { in.Ask.Hosts = names }
}

// shimMade makes the Certificate as cert-manager's shim does.
func (w *world) shimMade(t *testing.T) {
	t.Helper()
	made := certificate.Build(w.in)
	w.must(w.update(shim, func(o map[string]any) {
		for name, value := range made {
			o[name] = value
		}
		o["metadata"].(map[string]any)["uid"] = "certificate-uid"
	}))
}

// Changes are told with both values.
func TestChangesAreTold(t *testing.T) {
	in := input(withDuration)
	d := decideLive(in, liveOf(t, in, set("duration", "3h0m0s"), ownOf(in, "10:00")))
	if diff := cmp.Diff([]certificate.Change{{Field: ".spec.duration", Live: "3h0m0s", Want: "2h0m0s"}}, d.Changes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.HasPrefix(d.Changes[0].Field, ".spec.") || !d.Changes[0].InSpec() {
		t.Error("it is in the spec")
	}
}
