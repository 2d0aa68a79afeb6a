package inventory

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// A claim that stood while a grant was in force, and that nobody has asked about since, doesn't hide those behind it.
func TestAClaimThatNoLongerCountsHidesNone(t *testing.T) {
	s := newShop(t, Options{}, func(p *certshim.Policy) { p.CrossNamespace = certshim.CrossGrant })
	s.Know(GrantKind(), Whole)
	s.put(issuerCA("True"))
	s.put("{kind: ClusterIssuer, metadata: {name: ca}, spec: {ca: {}}}")
	grant := s.read("{kind: ReferenceGrant, metadata: {name: bank}, spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: bank}], " +
		"to: [{group: '', kind: Secret, name: tls}, {group: cert-manager.io, kind: Certificate, name: tls}]}}")
	put(s, s.Grants(), grant)
	s.put("{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {namespace: bank, name: edge, annotations: {cert-manager.io/cluster-issuer: ca}}, " +
		"spec: {listeners: [{name: a, port: 443, protocol: HTTPS, hostname: tls.example.com, tls: {certificateRefs: [{name: tls, namespace: shop}]}}]}}")
	s.put(tlsIngress("first", byCA, "tls"))
	s.settle()
	if outcome, _ := s.decide(ingressKey("first")); outcome.Certificates[0].Action != certificate.Refuse {
		t.Fatalf("the Gateway doesn't come first: %s", outcome.Certificates[0].Reason)
	}
	s.drop(tlsIngress("first", byCA, "tls"))
	s.looked(drop(s, s.Grants(), grant))

	s.put(tlsIngress("older", "", "tls"))
	s.put(tlsIngress("younger", byCA, "tls"))
	s.settle()
	if outcome, _ := s.decide(ingressKey("younger")); outcome.Certificates[0].Action != certificate.Create {
		t.Fatalf("the younger Ingress makes none, though the older one names no issuer: %s", outcome.Certificates[0].Reason)
	}
	if looked := s.looked(s.put(tlsIngress("older", byCA, "tls"))); !slices.Contains(looked, "younger") {
		t.Errorf("only %v look again, though the older Ingress comes first now", looked)
	}
	if outcome, _ := s.decide(NewKey(source.GroupKind{Group: source.GatewayGroup, Kind: source.GatewayKind}, "bank", "edge")); len(outcome.Certificates) > 0 && outcome.Certificates[0].Action == certificate.Create {
		t.Error("the Gateway makes a Certificate without a grant")
	}
}

// An older source is decided while a younger one is, which goes by it already and isn't noted to yet.
func TestAnOlderSourceThatIsDecidedMeanwhile(t *testing.T) {
	s := newShop(t, Options{})
	s.put(issuerCA("True"))
	s.put(tlsIngress("older", byCA, "tls"))
	s.put(tlsIngress("younger", byCA, "tls"))
	look := s.Look(ingressKey("younger"))
	outcome := decide(look)
	s.decide(ingressKey("older"))
	look.Keep(outcome, look.claim)
	look.Close()
	if outcome.Certificates[0].Action != certificate.Refuse {
		t.Fatalf("the older Ingress doesn't come first: %s", outcome.Certificates[0].Reason)
	}
	if woken := namesOf(s.put(tlsIngress("older", byCA, "another"))); !slices.Contains(woken, "younger") {
		t.Errorf("only %v look again, though the Secret is free for the younger Ingress", woken)
	}
}

// An older source leaves the Secret, or gets another version, while a younger one finds out what it asks for.
func TestAnOlderSourceThatChangesMeanwhile(t *testing.T) {
	for what, version := range map[string]string{"it leaves": tlsIngress("older", byCA, "another"), "it asks for nothing": tlsIngress("older", "", "tls")} {
		s := newShop(t, Options{})
		s.put(issuerCA("True"))
		s.put(tlsIngress("older", byCA, "tls"))
		s.put(tlsIngress("younger", byCA, "tls"))
		look := s.Look(ingressKey("younger"))
		look.First("shop", "tls", func(object *source.Object) certificate.Claim {
			s.put(version)
			return look.claim(object, types.NamespacedName{Namespace: "shop", Name: "tls"})
		})
		wake := look.Keep(certshim.Outcome{}, look.claim)
		look.Close()
		if !look.Stale() || !slices.Contains(namesOf(wake), "younger") {
			t.Errorf("%s: only %v look again, though the older Ingress was judged by a version that is gone", what, namesOf(wake))
		}
	}
}
