package inventory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// isGone asks for a uid as a decision about a source does.
func (s *shop) isGone(asking, uid string) bool {
	s.Helper()
	look := s.Look(ingressKey(asking))
	defer look.Close()
	return look.IsGone("shop", uid)
}

// ofUID is an Ingress with a uid of its own.
func (s *shop) ofUID(name string, uid string) (intake Intake, packed any) {
	s.Helper()
	object := s.read(tlsIngress(name, byCA, "tls-"+name))
	object.SetUID(types.UID(uid))
	intake = s.intake(object)
	packed, err := intake.Pack(object)
	if err != nil {
		s.Fatal(err)
	}
	return intake, packed
}

// Whether a uid is gone follows the sources as they come, change, and go.
func TestGoneUIDsFollowTheSources(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("asks", byCA, "tls"))
	random := rand.New(rand.NewPCG(1, 2))
	there := map[string]string{}
	for step := range 2000 {
		name := fmt.Sprint("web-", random.IntN(20))
		switch random.IntN(5) {
		case 0:
			intake, packed := s.ofUID(name, "any")
			intake.Drop(packed)
			delete(there, name)
		case 1:
			intake, _ := s.ofUID(name, "any")
			if random.IntN(40) == 0 {
				intake.Clear()
				clear(there)
				s.put(tlsIngress("asks", byCA, "tls"))
			}
		default:
			uid := fmt.Sprintf("uid-of-%s-%d", name, random.IntN(3))
			intake, packed := s.ofUID(name, uid)
			intake.Put(packed)
			there[name] = uid
		}
		for n := range 3 {
			uid := fmt.Sprintf("uid-of-%s-%d", name, n)
			if got, want := s.isGone("asks", uid), there[name] != uid; got != want {
				t.Fatalf("step %d: %s is gone: %v", step, uid, got)
			}
		}
	}
}

// After the first question no other goes through the sources: a restore asks for each Certificate.
func TestGoneUIDsAreLookedUp(t *testing.T) {
	s := newShop(t, Options{})
	s.put(tlsIngress("asks", byCA, "tls"))
	s.put(tlsIngress("web", byCA, "web-tls"))
	if s.uids != nil || s.isGone("asks", "uid-web") || !s.isGone("asks", "uid-old") {
		t.Fatal("uid-web is there, and uid-old isn't")
	}
	look := s.Look(ingressKey("asks"))
	defer look.Close()
	s.owners = nil
	if look.IsGone("shop", "uid-web") || !look.IsGone("shop", "uid-old") {
		t.Error("the sources were gone through again")
	}
}

func BenchmarkRestoredCertificates(b *testing.B) {
	for _, sources := range []int{100, 1000, 20_000} {
		b.Run(fmt.Sprint("sources=", sources), func(b *testing.B) {
			s := newShop(b, Options{})
			for n := range sources {
				s.put(tlsIngress(fmt.Sprint("web-", n), byCA, fmt.Sprint("tls-", n)))
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				s.isGone(fmt.Sprint("web-", n%sources), fmt.Sprint("old-", n))
			}
		})
	}
}
