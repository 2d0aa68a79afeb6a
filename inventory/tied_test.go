package inventory

import (
	"slices"
	"testing"

	"github.com/certshim/certshim/certificate"
)

// Whether a tied Certificate is taken over depends on who else names its Secret: whoever it is
// tied to looks again when that changes, and not when anything else does.
func TestTheTiedSourceWakesWhenItIsAlone(t *testing.T) {
	s := newShop(t, Options{})
	const issuer = "cert-manager.io/issuer: ca"
	web := tlsIngress("web", issuer, "s0")
	s.put(web)
	tied := observedCertificate("s0", "s0", "")
	tied.Flags, tied.Tie = certificate.Applied, "networking.k8s.io/Ingress:shop/web for=shop/s0"
	s.looked(s.show(tied))
	key := ingressKey("web")
	reason := func() string {
		outcome, _ := s.decide(key)
		return outcome.Certificates[0].Reason.String()
	}
	alone := reason()
	for _, step := range []struct {
		what  string
		do    func() Wake
		woken bool
	}{
		{"another object names the Secret", func() Wake { return s.put(tlsIngress("other", issuer, "s0")) }, true},
		{"and asks for more", func() Wake { return s.put(tlsIngress("other", issuer, "s0", "s1")) }, false},
		{"a third one does, too", func() Wake { return s.put(tlsIngress("zulu", issuer, "s0")) }, false},
	} {
		if got := slices.Contains(namesOf(step.do()), "web"); got != step.woken {
			t.Errorf("%s: woken %v", step.what, got)
		}
		if reason() == alone {
			t.Errorf("%s: %s", step.what, alone)
		}
	}
	s.drop(tlsIngress("zulu", issuer, "s0"))
	if wake := s.put(tlsIngress("other", issuer, "s1")); !slices.Contains(namesOf(wake), "web") || reason() != alone {
		t.Errorf("the other one no longer names it: woken %v, %s", namesOf(wake), reason())
	}
	tied.ResourceVersion, tied.Tie = "2", "networking.k8s.io/Ingress:shop/other for=shop/s0"
	if wake := s.show(tied); !slices.Contains(namesOf(wake), "web") {
		t.Errorf("tied to another: woken %v", namesOf(wake))
	}
	tied.ResourceVersion = "3"
	if wake := s.show(tied); len(woken(wake)) > 0 {
		t.Errorf("another status: woken %v", namesOf(wake))
	}
}
