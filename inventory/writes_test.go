package inventory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func typedName(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

// A Certificate that loses its owner reference first is looked at once more when that is written: what else
// its source asks for comes after it.
func TestTheRestComesAfterTheOwnerReference(t *testing.T) {
	const retained = byCA + ", certshim.io/deletion-policy: retain"
	for annotations, want := range map[string][]string{byCA: {}, retained: {"web"}} {
		s := newShop(t, Options{})
		s.put(tlsIngress("web", annotations, "tls"))
		look := s.Look(ingressKey("web"))
		d := decide(look).Certificates[0]
		d.Continues = annotations == retained
		look.Expect(d, noon)
		look.Close()
		o := observedCertificate("tls", "tls", "web")
		o.Have, o.Flags = d.Want, certificate.Applied
		if diff := cmp.Diff(want, append([]string{}, namesOf(s.show(o))...)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", annotations, diff)
		}
	}
}

// write announces what a source's decision about its first Secret wants, and gives the
// Certificate as the watch will show it.
func (s *shop) write(k Key) certificate.Observed {
	s.Helper()
	look := s.Look(k)
	defer look.Close()
	outcome := decide(look)
	look.Keep(outcome, look.claim)
	look.Expect(outcome.Certificates[0], noon)
	return written(outcome, 0)
}

func (s *shop) isWrittenByUs(name string) bool {
	look := s.Look(ingressKey("web"))
	defer look.Close()
	o, _ := look.Certificate("shop", name)
	return o.Flags.Has(certificate.TakenOver)
}

func TestOurOwnWriteWakesOthersButNotItsWriter(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*certificate.Observed)
		want   []string
	}{
		"as written":                {func(*certificate.Observed) {}, []string{"zweb"}},
		"somebody has changed it":   {func(o *certificate.Observed) { o.Have.Sum++ }, []string{"web", "zweb"}},
		"a shim wrote it as well":   {func(o *certificate.Observed) { o.Flags |= certificate.ShimEntries }, []string{"web", "zweb"}},
		"it is being deleted again": {func(o *certificate.Observed) { o.Flags |= certificate.Deleting }, []string{"web", "zweb"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			s.put(tlsIngress("web", byCA, "tls"))
			s.put(tlsIngress("zweb", byCA, "tls"))
			s.settle()
			shown := s.write(ingressKey("web"))
			row.change(&shown)
			if diff := cmp.Diff(row.want, namesOf(s.show(shown))); diff != "" {
				t.Error("(-want +got)", diff)
			}
			if !s.isWrittenByUs("tls") {
				t.Error("it isn't known that this process has written it, so that a shim that writes it later goes unnoticed")
			}
			s.settle()
			shown.Have.Sum++
			if diff := cmp.Diff([]string{"web"}, namesOf(s.show(shown))); diff != "" {
				t.Error("one write explains two changes: (-want +got)", diff)
			}
		})
	}
}

// What a write of ours ends for others, they hear of: a Certificate that was edited to write
// another's Secret is put right.
func TestARepairWakesWhoeverTheDamageConcerned(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "tls"))
	s.put(tlsIngress("rival", byCA, "rival"))
	s.settle()
	first := s.write(ingressKey("web"))
	s.show(first)
	edited := first
	edited.Secret, edited.Have.Sum = "rival", 1
	if diff := cmp.Diff([]string{"rival", "web"}, s.looked(s.show(edited))); diff != "" {
		t.Error("edited: (-want +got)", diff)
	}
	repaired := s.write(ingressKey("web"))
	if diff := cmp.Diff([]string{"rival"}, s.looked(s.show(repaired))); diff != "" {
		t.Error("repaired: (-want +got)", diff)
	}
	if outcome, _ := s.decide(ingressKey("rival")); outcome.Certificates[0].Action != certificate.Create {
		t.Errorf("%+v", outcome.Certificates[0])
	}
}

func TestAWriteThatWasRefusedExplainsNothing(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "tls"))
	shown := s.write(ingressKey("web"))
	s.ExpectNothing(typedName("tls"))
	if diff := cmp.Diff([]string{"web"}, namesOf(s.show(shown))); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if s.isWrittenByUs("tls") {
		t.Error("it counts as written by this process")
	}
}

// A change that is taken back before the watch shows what it led to is decided by the
// Certificate from before it, which then looks right.
func TestAChangeThatIsTakenBackAtOnceIsLookedAtAgain(t *testing.T) {
	const byOther = "cert-manager.io/issuer: other"
	for name, row := range map[string]struct {
		back string
		want []string
	}{
		"taken back":         {tlsIngress("web", byCA, "tls"), []string{"web"}},
		"another Secret":     {tlsIngress("web", byOther, "renamed"), []string{"web"}},
		"no Secret":          {tlsIngress("web", byOther), []string{"web"}},
		"nothing of it back": {tlsIngress("web", byOther, "tls"), []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			k := ingressKey("web")
			for _, issuer := range []string{"ca", "other"} {
				s.put("{kind: Issuer, metadata: {name: " + issuer + "}, spec: {ca: {}}}")
			}
			s.put(tlsIngress("web", byCA, "tls"))
			s.show(s.write(k))
			s.put(tlsIngress("web", byOther, "tls"))
			second := s.write(k)
			s.put(row.back)
			s.decide(k)
			if diff := cmp.Diff(row.want, namesOf(s.show(second))); diff != "" {
				t.Error("when the watch shows the first change: (-want +got)", diff)
			}
		})
	}
}

// A cache that is behind our own write must not have it written again; one that stays so for
// longer must.
func TestTheSameIsNotWrittenTwiceAtOnce(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "tls"))
	before := observedCertificate("tls", "tls", "web")
	s.show(before)
	shown := s.write(ingressKey("web"))
	s.show(before)
	want := shown.Have
	for name, row := range map[string]struct {
		want certificate.Digest
		at   time.Time
		wait time.Duration
	}{
		"soon":           {want, noon.Add(watchDelay / 2), watchDelay / 2},
		"something else": {certificate.Digest{Sum: 6}, noon, 0},
		"after a while":  {want, noon.Add(watchDelay), 0},
		"much later":     {want, noon.Add(time.Hour), 0},
	} {
		if wait := s.Underway(typedName("tls"), row.want, row.at); wait != row.wait {
			t.Errorf("%s: waits %s", name, wait)
		}
	}
	s.show(shown)
	if wait := s.Underway(typedName("tls"), want, noon); wait != 0 {
		t.Errorf("after it was seen it still waits %s", wait)
	}
}

func TestExpectationsAreBounded(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "tls"))
	look := s.Look(ingressKey("web"))
	defer look.Close()
	for n := range maxExpected + 1 {
		look.Expect(certificate.Decision{Namespace: "shop", Name: string(rune('a' + n))}, noon)
	}
	if n := len(s.writes.expected); n > maxExpected || n != len(s.writes.by[ingressKey("web")]) {
		t.Errorf("%d writes are expected, %d of them by their source", n, len(s.writes.by[ingressKey("web")]))
	}
}

// What was read live covers what is known, in every list.
func TestLiveCoversWhatIsKnown(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("web", byCA, "a", "b"))
	for _, o := range []certificate.Observed{observedCertificate("a", "a", "web"), observedCertificate("b", "b", "web"), observedCertificate("c", "a", "")} {
		s.show(o)
	}
	look := s.Look(ingressKey("web"))
	defer look.Close()
	object, _ := look.Object()
	listed := func(list []certificate.Observed) []string {
		names := []string{}
		for _, o := range list {
			names = append(names, o.Name)
		}
		return names
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"c"}}, [][]string{listed(look.CertificatesOf(object.Ref)), listed(look.CertificatesWriting("shop", "a"))}); diff != "" {
		t.Error("before: (-want +got)", diff)
	}
	moved := observedCertificate("b", "a", "")
	look.SetLive(typedName("a"), nil)
	look.SetLive(typedName("b"), &moved)
	look.SetLive(typedName("c"), nil)
	if _, presence := look.Certificate("shop", "a"); presence != certshim.Absent {
		t.Errorf("one that is gone: %v", presence)
	}
	if o, presence := look.Certificate("shop", "b"); presence != certshim.Present || o.Secret != "a" {
		t.Errorf("one that was moved: %+v, %v", o, presence)
	}
	if diff := cmp.Diff([][]string{{}, {}}, [][]string{listed(look.CertificatesOf(object.Ref)), listed(look.CertificatesWriting("shop", "a"))}); diff != "" {
		t.Error("after: (-want +got)", diff)
	}
	look.Wrote(typedName("b"), "cert-b", "9")
	if o, _ := look.Certificate("shop", "b"); !o.Flags.Has(certificate.TakenOver) {
		t.Error("what this process wrote is not marked")
	}
}
