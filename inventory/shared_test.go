package inventory

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// sharing is a Secret that many sources name, from the oldest, s00000, on.
func sharing(t testing.TB, sources int) *shop {
	t.Helper()
	s := newShop(t, Options{})
	s.put(issuerCA("True"))
	for n := range sources {
		s.putIngress(sharer(n), map[string]string{"cert-manager.io/issuer": "ca"}, "tls")
	}
	return s
}

func sharer(n int) string { return fmt.Sprintf("s%05d", n) }

// withCertificate gives the Secret its Certificate, and looks at every source.
func (s *shop) withCertificate() *shop {
	s.Helper()
	s.show(s.write(ingressKey(sharer(0))))
	s.settle()
	return s
}

const manySharers = 5000

// What one look at one of many sources of a Secret costs doesn't grow with their number: it
// unpacks and judges none of the others, which would allocate.
func TestOneOfManySourcesOfASecretReadsNoneOfTheOthers(t *testing.T) {
	cost := func(sources, n int) float64 {
		s := sharing(t, sources).withCertificate()
		return testing.AllocsPerRun(100, func() {
			look := s.Look(ingressKey(sharer(n)))
			defer look.Close()
			look.Keep(decide(look), func(*source.Object, types.NamespacedName) certificate.Claim {
				t.Fatal("another source is judged")
				return certificate.Claim{}
			})
		})
	}
	few, many := cost(2, 1), cost(manySharers, manySharers-1)
	// One more or less may be the growth of a map.
	if many > few+2 {
		t.Errorf("a look at the last of %d sources allocates %v times, at the last of 2 %v times", manySharers, many, few)
	}
}

// What a look at a source costs doesn't grow with the Certificates of its namespace: its own, and those
// that write its Secrets, are found without looking through the others, which would allocate.
func TestALookReadsNoCertificateOfOthers(t *testing.T) {
	cost := func(sources int) float64 {
		s := newShop(t, Options{})
		s.put(issuerCA("True"))
		for n := range sources {
			secret := fmt.Sprint("tls", n)
			s.putIngress(sharer(n), map[string]string{"cert-manager.io/issuer": "ca"}, secret)
			s.show(observedCertificate(secret, secret, sharer(n)))
			s.show(observedCertificate("other"+secret, secret, ""))
		}
		return testing.AllocsPerRun(100, func() {
			look := s.Look(ingressKey(sharer(0)))
			defer look.Close()
			decide(look)
		})
	}
	few, many := cost(1), cost(1000)
	if many > few+2 {
		t.Errorf("a look among 1000 sources and their Certificates allocates %v times, alone %v times", many, few)
	}
}

// A look at one source asks dozens of questions where kinds of issuers are many.
func TestALookTakesTheRoomOfOneThatIsClosed(t *testing.T) {
	s := sharing(t, 1).withCertificate()
	first := s.Look(ingressKey(sharer(0)))
	for n := range 64 {
		first.asks(fact{question: asksGroups, name: fmt.Sprint(n)})
	}
	room := &first.facts[0]
	first.Close()
	second, third := s.Look(ingressKey(sharer(0))), s.Look(ingressKey(sharer(0)))
	defer second.Close()
	defer third.Close()
	if len(second.facts) != 0 || cap(second.facts) < 64 || *room != (fact{}) {
		t.Errorf("%d facts in the room for %d, the first of the closed look %v", len(second.facts), cap(second.facts), *room)
	}
	if cap(third.facts) != 0 {
		t.Error("two looks share their room")
	}
}

// The room of a look that read very much isn't kept.
func TestALargeRoomForFactsGoes(t *testing.T) {
	s := sharing(t, 1).withCertificate()
	look := s.Look(ingressKey(sharer(0)))
	for n := range maxSpareFacts + 1 {
		look.asks(fact{question: asksGroups, name: fmt.Sprint(n)})
	}
	look.Close()
	if cap(s.spareFacts) > maxSpareFacts {
		t.Errorf("room for %d facts is kept", cap(s.spareFacts))
	}
}

// Without a Certificate each source is judged once, and again when it changes.
func TestEachClaimIsJudgedOnce(t *testing.T) {
	s := sharing(t, 50)
	for n := range 50 {
		s.put(tlsIngress(sharer(n), byCA+", cert-manager.io/duration: 1 week", "tls"))
	}
	judged := map[string]int{}
	look := func(n int) {
		look := s.Look(ingressKey(sharer(n)))
		defer look.Close()
		claim := func(object *source.Object) certificate.Claim {
			judged[object.Name]++
			return look.claim(object, types.NamespacedName{Namespace: "shop", Name: "tls"})
		}
		look.First("shop", "tls", claim)
	}
	for range 3 {
		look(49)
	}
	for n := range 50 {
		want := 1
		if n == 49 {
			want = 0
		}
		if got := judged[sharer(n)]; got != want {
			t.Fatalf("%s is judged %d times, want %d", sharer(n), got, want)
		}
	}
	clear(judged)
	s.put(tlsIngress(sharer(7), byCA, "tls"))
	if look(49); len(judged) != 1 || judged[sharer(7)] != 1 {
		t.Errorf("after one has changed, judged are %v", judged)
	}
}

// A change of one of many sources that alters no answer wakes nobody else.
func TestAChangeAmongManySourcesOfASecretWakesItsOwnAlone(t *testing.T) {
	for name, s := range map[string]*shop{"with a Certificate": sharing(t, 300).withCertificate(), "without": sharing(t, 300)} {
		s.settle()
		for _, n := range []int{0, 7, 299} {
			wake := s.put(tlsIngress(sharer(n), byCA+", cert-manager.io/duration: 24h", "tls"))
			if diff := cmp.Diff([]string{sharer(n)}, s.looked(wake)); diff != "" {
				t.Errorf("%s, %s: (-want +got)\n%s", name, sharer(n), diff)
			}
		}
	}
}

// While nobody has the Secret, it is the oldest correct source that gets it.
func TestWhoComesFirst(t *testing.T) {
	const wrong = byCA + ", cert-manager.io/duration: 1 week"
	s := newShop(t, Options{})
	s.put(issuerCA("True"))
	s.put(tlsIngress("a", wrong, "tls"))
	s.put(tlsIngress("b", byCA, "tls"))
	s.put(tlsIngress("c", byCA, "tls"))
	s.settle()
	gets := func() string {
		for _, name := range []string{"a", "b", "c"} {
			if outcome, _ := s.decide(ingressKey(name)); len(outcome.Certificates) > 0 && outcome.Certificates[0].Action == certificate.Create {
				return name
			}
		}
		return ""
	}
	for _, step := range []struct {
		change func() Wake
		first  string
		looked []string
	}{
		{func() Wake { return Wake{} }, "b", []string{}},
		{func() Wake { return s.put(tlsIngress("a", byCA, "tls")) }, "a", []string{"a", "b", "c"}},
		{func() Wake { return s.put(tlsIngress("c", wrong, "tls")) }, "a", []string{"c"}},
		{func() Wake { return s.drop(tlsIngress("a", byCA, "tls")) }, "b", []string{"a", "b", "c"}},
		{func() Wake { return s.put(tlsIngress("b", wrong, "tls")) }, "", []string{"b", "c"}},
		{func() Wake { return s.put(tlsIngress("c", byCA, "tls")) }, "c", []string{"c"}},
	} {
		if diff := cmp.Diff(step.looked, s.looked(step.change())); diff != "" {
			t.Errorf("until %q is first: (-want +got)\n%s", step.first, diff)
		}
		if got := gets(); got != step.first {
			t.Errorf("the Secret goes to %q, want %q", got, step.first)
		}
	}
}

func BenchmarkLookAtOneOfManySources(b *testing.B) {
	for _, sources := range []int{1, 100, manySharers} {
		b.Run(fmt.Sprint("sources=", sources), func(b *testing.B) {
			s := sharing(b, sources).withCertificate()
			k := ingressKey(sharer(sources - 1))
			b.ReportAllocs()
			for b.Loop() {
				s.decide(k)
			}
		})
	}
}

func BenchmarkChangeOneOfManySources(b *testing.B) {
	for _, sources := range []int{1, 100, manySharers} {
		b.Run(fmt.Sprint("sources=", sources), func(b *testing.B) {
			s := sharing(b, sources).withCertificate()
			kind, _ := s.Policy().Kinds.Lookup("networking.k8s.io", source.IngressKind)
			intake, versions := s.Sources(kind), [2]any{}
			for n := range versions {
				packed, err := intake.Pack(s.read(tlsIngress(sharer(sources-1), byCA+fmt.Sprint(", cert-manager.io/duration: ", 24+n, "h"), "tls")))
				if err != nil {
					b.Fatal(err)
				}
				versions[n] = packed
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				s.looked(intake.Put(versions[n%2]))
			}
		})
	}
}
