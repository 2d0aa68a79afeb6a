package certificate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

func manual(in *certificate.Input) { in.Policy.ManualTakeOver = true }

// While the operator takes over by hand, what a shim made stays as it is, whatever is asked for, and is
// the source's like any other once it was adopted.
func TestAShimsCertificateIsLeftToAdopt(t *testing.T) {
	for name, make := range map[string]func(*world){
		"updated": func(w *world) { w.shimMade(t) },
		"updated and applied": func(w *world) {
			w.shimMade(t)
			w.must(w.apply(shim, certificate.Build(w.in), true))
		},
		"of an unknown writer": func(w *world) {
			w.shimMade(t)
			w.must(w.update("before-first-apply", func(o map[string]any) { spec(o)["isCA"] = false }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{server: newServer(), T: t, in: input(withDuration)}
			make(w)
			w.in.Policy.ManualTakeOver = true
			w.in.Request.Usages = []string{"server auth"}
			before := w.object()
			d := w.decide()
			if d.Action != certificate.Keep || !same(d.Reason, because(certificate.CauseLeftToAdopt)) || d.Config != nil || d.Asked == nil || d.NeedsLive {
				t.Fatalf("%s: %s, %v", d.Action, d.Reason, d.Config)
			}
			if all := d.Problems.All(); len(all) != 1 || all[0].Reason != problem.LeftToAdopt || all[0].Severity != problem.Info || !all[0].IsEvent() {
				t.Errorf("told %v", told(d.Problems))
			}
			if diff := cmp.Diff(before, w.object()); diff != "" {
				t.Errorf("it was changed:\n%s", diff)
			}
			if d := certificate.DecideUnneeded(w.in.Policy, w.in.Source, certificate.Observe(before), ""); d.Action != certificate.Keep || d.Reason.Cause != certificate.CauseLeftToAdopt {
				t.Errorf("no longer named: %s: %s", d.Action, d.Reason)
			}

			w.in.Policy.Adoption = &certificate.Adoption{}
			w.converge()
			w.in.Policy.Adoption = nil
			if d := w.decide(); d.Action != certificate.None || !d.Problems.Empty() {
				t.Errorf("adopted: %s: %s, %v", d.Action, d.Reason, told(d.Problems))
			}
			w.in.Request.Duration = nil
			w.converge()
			if now := spec(w.object()); now["duration"] != nil {
				t.Errorf("what is no longer asked for stays: %v", now)
			}
		})
	}
}

// What certshim has applied is never left, also where a shim has written it since; nor is what isn't a shim's.
func TestWhatIsNotLeftToAdopt(t *testing.T) {
	in := input(manual)
	up := ownOf(in, "10:00")
	for name, entries := range map[string][]string{
		"ours":                         {up},
		"ours, and a shim has written": {up, shim + " Update 11:00 spec>secretName"},
		"somebody else's":              {entryOf("helm", "Apply", "10:00", in)},
		"nobody is recorded":           {},
	} {
		if d := decideLive(in, liveOf(t, in, nil, entries...)); d.Reason.Cause == certificate.CauseLeftToAdopt {
			t.Errorf("%s: %s: %s", name, d.Action, d.Reason)
		}
	}
	if d := certificate.Decide(in); d.Action != certificate.Create {
		t.Errorf("a new one: %s: %s", d.Action, d.Reason)
	}
}
