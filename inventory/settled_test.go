package inventory

import (
	"reflect"
	"testing"
	"time"

	"github.com/certshim/certshim/certificate"
)

// known is what a look at the source web sees of its Certificate that only this process knows.
func (s *shop) known() certificate.Flags {
	look := s.Look(ingressKey("web"))
	defer look.Close()
	o, _ := look.Certificate("shop", "tls")
	return o.Flags & (certificate.TakenOver | certificate.Settled | certificate.Disturbed)
}

// Once a Certificate was found as it is wanted, or was made so, a change of what we own that isn't
// our own write is known as such.
func TestChangesOfWhatWeOwnAreSeen(t *testing.T) {
	const settled, disturbed, ours = certificate.Settled, certificate.Disturbed, certificate.TakenOver
	found := func(s *shop) certificate.Observed {
		outcome, _ := s.decide(ingressKey("web"))
		o := written(outcome, 0)
		s.show(o)
		s.decide(ingressKey("web"))
		return o
	}
	change := func(o certificate.Observed, version string) certificate.Observed {
		o.Have.Sum++
		o.ResourceVersion = version
		return o
	}
	for name, row := range map[string]struct {
		happens func(s *shop)
		want    certificate.Flags
	}{
		"found as wanted": {func(s *shop) { found(s) }, settled},
		"found otherwise": {func(s *shop) {
			outcome, _ := s.decide(ingressKey("web"))
			s.show(change(written(outcome, 0), "2"))
			s.decide(ingressKey("web"))
			s.show(change(change(written(outcome, 0), "2"), "3"))
		}, 0},
		"changed then":                  {func(s *shop) { s.show(change(found(s), "2")) }, settled | disturbed},
		"only its status changes":       {func(s *shop) { o := found(s); o.ResourceVersion = "2"; s.show(o) }, settled},
		"changed, and its status later": {func(s *shop) { o := change(found(s), "2"); s.show(o); o.ResourceVersion = "3"; s.show(o) }, settled | disturbed},
		"changed and as wanted again": {func(s *shop) {
			o := found(s)
			s.show(change(o, "2"))
			o.ResourceVersion = "3"
			s.show(o)
			s.decide(ingressKey("web"))
		}, settled},
		"replaced by another":     {func(s *shop) { o := change(found(s), "2"); o.UID = "another"; s.show(o) }, 0},
		"written by this process": {func(s *shop) { s.show(s.write(ingressKey("web"))) }, ours},
		"written and then changed": {func(s *shop) {
			o := s.write(ingressKey("web"))
			s.show(o)
			s.show(change(o, "2"))
		}, ours | disturbed},
		"changed by admission while it is written": {func(s *shop) {
			o := found(s)
			s.show(change(o, "2"))
			s.Wrote(typedName("tls"), o.UID, "2")
		}, ours | settled},
		"changed by admission, and the answer comes first": {func(s *shop) {
			o := found(s)
			s.Wrote(typedName("tls"), o.UID, "2")
			s.show(change(o, "2"))
		}, ours | settled},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			s.put(tlsIngress("web", byCA, "tls"))
			row.happens(s)
			if got := s.known(); got != row.want {
				t.Errorf("flags %b, want %b", got, row.want)
			}
		})
	}
}

// Fields are counted of the Certificates that their owner asks for, as managedFields have them, or as
// they were judged since; a judgement ends with what it was about.
func TestFieldsAreCounted(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "tls"))
	outcome, _ := s.decide(ingressKey("web"))
	o := written(outcome, 0)
	o.Standing = certificate.Standing{Ours: 5, Foreign: 2}
	s.show(o)
	counts := func(what string, want FieldTotals) {
		t.Helper()
		if got := s.CountFields(); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	counts("before it is looked at", FieldTotals{})
	s.decide(ingressKey("web"))
	counts("asked for", FieldTotals{Ours: 5, Foreign: 2})
	failing := CountedCertificate{Source: ingressKey("web"), Name: "tls", Version: o.ResourceVersion, Counts: FieldCounts{Standing: o.Standing}}
	want := map[string]*NamespaceFields{"shop": {Totals: FieldTotals{Ours: 5, Foreign: 2}, Failing: []CountedCertificate{failing}}}
	if got := s.FieldsByNamespace(); !reflect.DeepEqual(got, want) {
		t.Errorf("by namespace: %+v, want %+v", got, want)
	}
	judged := FieldCounts{Standing: certificate.Standing{Ours: 5, Foreign: 1}, Yielded: 1}
	s.JudgeFields(typedName("tls"), "another version", judged)
	counts("a judgement about another version", FieldTotals{Ours: 5, Foreign: 2})
	s.JudgeFields(typedName("tls"), o.ResourceVersion, judged)
	counts("judged", FieldTotals{Ours: 5, Foreign: 1, Yielded: 1})
	o.ResourceVersion = "2"
	s.show(o)
	counts("only its status changes", FieldTotals{Ours: 5, Foreign: 1, Yielded: 1})
	o.ResourceVersion, o.Others = "3", 77
	s.show(o)
	counts("it changes", FieldTotals{Ours: 5, Foreign: 2})
	s.JudgeFields(typedName("tls"), "3", judged)
	s.dropSource(ingressKey("web"))
	counts("its source is gone", FieldTotals{})
	if got := s.FieldsByNamespace(); len(got) != 0 {
		t.Errorf("its source is gone: %+v", got)
	}
	s.dropCertificate(nameOf("shop", "tls"))
	if len(s.judged) != 0 {
		t.Error("a judgement outlives its Certificate")
	}
}

func TestOnlyOursAndSharedPass(t *testing.T) {
	if !(FieldCounts{Standing: certificate.Standing{Ours: 3, Shared: 1}}).Pass() {
		t.Error("what is ours or shared doesn't pass")
	}
	for _, counts := range []FieldCounts{
		{Standing: certificate.Standing{Foreign: 1}}, {Standing: certificate.Standing{Untracked: 1}}, {Standing: certificate.Standing{Unserved: 1}},
		{Drifted: 1}, {Yielded: 1}, {Unowned: 1}, {Contested: 1},
	} {
		if counts.Ours = 3; counts.Pass() {
			t.Errorf("%+v passes", counts)
		}
	}
}

// What the Certificate had as it was wanted is known until it is so again, or something is left.
func TestWhatWasThereBeforeIsKnown(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "tls"))
	outcome, _ := s.decide(ingressKey("web"))
	o := written(outcome, 0)
	s.show(o)
	s.decide(ingressKey("web"))
	before := func() certificate.Observed {
		look := s.Look(ingressKey("web"))
		defer look.Close()
		seen, _ := look.Certificate("shop", "tls")
		return seen
	}
	wanted := o.Have
	for i := range 2 {
		o.Have.Sum++
		o.ResourceVersion = string(rune('2' + i))
		s.show(o)
		if got := before(); got.Before != wanted || !got.Flags.Has(certificate.Disturbed) {
			t.Errorf("change %d: before it there was %v, want %v; flags %b", i+1, got.Before, wanted, got.Flags)
		}
	}
	s.settled([]certificate.Decision{{Namespace: "shop", Name: "tls", Action: certificate.Keep, Have: o.Have, Failed: []certificate.Conflict{{Lost: "a.example.com"}}}})
	if got := before(); !got.Flags.Has(certificate.LacksNames) {
		t.Errorf("names are lost: flags %b", got.Flags)
	}
	s.settled([]certificate.Decision{{Namespace: "shop", Name: "tls", Action: certificate.None, Have: o.Have}})
	if got := before(); got.Flags.Has(certificate.Disturbed) || got.Flags.Has(certificate.LacksNames) || got.Before != (certificate.Digest{}) {
		t.Errorf("at rest: flags %b, before %v", got.Flags, got.Before)
	}
}

// A write that comes out otherwise than it was applied is a disturbance, whichever of answer and watch is first.
func TestAWriteThatComesOutOtherwise(t *testing.T) {
	for name, answerFirst := range map[string]bool{"the answer first": true, "the watch first": false} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			s.put(tlsIngress("web", byCA, "tls"))
			outcome, _ := s.decide(ingressKey("web"))
			o := written(outcome, 0)
			wanted := o.Have
			s.show(o)
			s.decide(ingressKey("web"))
			look := s.Look(ingressKey("web"))
			defer look.Close()
			look.Expect(certificate.Decision{Namespace: "shop", Name: "tls", Want: wanted}, time.Now())
			o.Have.Sum++
			o.ResourceVersion = "2"
			if answerFirst {
				s.Wrote(typedName("tls"), o.UID, "2")
				s.show(o)
			} else {
				s.show(o)
				s.Wrote(typedName("tls"), o.UID, "2")
			}
			if got, _ := look.Certificate("shop", "tls"); !got.Flags.Has(certificate.Disturbed) || got.Before != wanted {
				t.Errorf("flags %b, before %v, want %v", got.Flags, got.Before, wanted)
			}
		})
	}
}

// What is fought over is known of a Certificate, read live or not.
func TestFightsAreKnown(t *testing.T) {
	fights := []certificate.Fight{{Field: ".spec.duration", Rounds: 3}}
	s := newShop(t, Options{Fights: func(uid string) []certificate.Fight {
		if uid == "" {
			return nil
		}
		return fights
	}})
	s.put(tlsIngress("web", byCA, "tls"))
	outcome, _ := s.decide(ingressKey("web"))
	o := written(outcome, 0)
	s.show(o)
	look := s.Look(ingressKey("web"))
	defer look.Close()
	if got, _ := look.Certificate("shop", "tls"); len(got.Fights) != 1 {
		t.Errorf("cached: %v", got.Fights)
	}
	look.SetLive(typedName("tls"), &certificate.Observed{Namespace: "shop", Name: "tls", UID: o.UID})
	if got, _ := look.Certificate("shop", "tls"); len(got.Fights) != 1 {
		t.Errorf("live: %v", got.Fights)
	}
}
