package faults

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

var (
	gateways = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	grants   = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "referencegrants"}
)

// tied is a scene of Gateways whose Secrets are in another namespace: no owner reference ties a Certificate to them, and the garbage collector
// removes none.
type tied struct {
	*scene
	// of is the namespace of the Gateways.
	of     string
	signer signer
}

// newTied is one with two Gateways; certshim doesn't run yet.
func newTied(t *testing.T) tied {
	t.Helper()
	s := newBareScene(t)
	of := shared.Namespace(t)
	shared.ClusterIssuer(t, of)
	ties := tied{scene: s, of: of, signer: signer{name: of, kind: "cert-manager.io/issuer-kind: ClusterIssuer"}}
	ties.grant(t)
	ties.gateway(t, "edge")
	ties.gateway(t, "inner")
	return ties
}

// grant lets Gateways have Secrets of the scene's namespace, and their Certificates.
func (s tied) grant(t *testing.T) {
	t.Helper()
	shared.Apply(t, s.namespace, fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: edge}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: %s}]
  to:
  - {group: "", kind: Secret}
  - {group: cert-manager.io, kind: Certificate, name: edge-tls}
  - {group: cert-manager.io, kind: Certificate, name: inner-tls}
  - {group: cert-manager.io, kind: Certificate, name: last-tls}
`, s.of))
	s.edited("the grant is there")
}

func (s tied) gateway(t *testing.T, name string) {
	t.Helper()
	o := &origin{kind: "Gateway", name: name, secret: name + "-tls", hosts: []string{name + ".example.com"}, signer: s.signer, elsewhere: s.namespace}
	s.origins = append(s.origins, o)
	s.apply(t, s.of, o)
}

// serving are flags of a certshim that serves both namespaces.
func (s tied) serving(more ...string) []string { return append(more, "--namespace="+s.of) }

// tiedWrites is how many writes [tied.act] leads to: two Certificates are made, one gets a name, is made again, and gets a name once it may.
const tiedWrites = 5

// act edits one Gateway, with and without the grant, and lets the other one go. What that had stays, and another one of its name doesn't get it.
func (s tied) act(t *testing.T) {
	t.Helper()
	edge := s.origins[0]
	s.untilRight(t)
	s.grow(t, s.of, edge)
	s.untilRight(t)
	former := s.certificates.State()[edge.secret].GetUID()
	s.steal(t, s.namespace, edge)
	s.certificates.Until(t, "the Certificate to be made again", func(state cluster.State) bool {
		return state[edge.secret] != nil && state[edge.secret].GetUID() != former
	})
	s.untilRight(t)
	shared.Delete(t, grants, s.namespace, "edge")
	s.edited("the grant is gone")
	s.grow(t, s.of, edge)
	shared.Delete(t, gateways, s.of, "inner")
	s.edited("Gateway inner is deleted")
	s.grant(t)
	s.untilRight(t)
	another := *s.origins[1]
	another.hosts = []string{"another.example.com"}
	shared.Apply(t, s.of, another.manifest())
	s.edited("another Gateway inner is there")
}

// checkTies is [scene.check] of what crosses namespaces: of the Gateways and of one that comes, no other Certificate than theirs is written.
func (s tied) checkTies(t *testing.T, fault string, strikes int) {
	t.Helper()
	s.untilRight(t)
	quiet := time.Since(*s.healed.Load())
	s.tells(t, "CertificateNotOurs", 1)
	shared.Delete(t, gateways, s.of, "inner")
	s.await(t, "certshim to forget the other Gateway", func() error {
		if n := s.metric(t, "certshim_current_problems", `reason="CertificateNotOurs"`); n > 0 {
			return fmt.Errorf("it tells of %v", n)
		}
		return nil
	})
	before := s.link.written()
	s.gateway(t, "last")
	s.untilRight(t)
	s.plansNothing(t, s.of)
	if more := s.link.written() - before; more != 1 {
		t.Errorf("after all was right, one new Gateway led to %d writes of Certificates, want 1", more)
	}
	s.conclude(t, figure{fault: fault, strikes: strikes, quiet: quiet})
}

// certshim is killed at a write of a Certificate in another namespace, and started again.
func TestCrashAtAWriteOfATie(t *testing.T) {
	for n := 1; n <= tiedWrites; n++ {
		for at, way := range crashes {
			if !crashesAt(n, at) {
				continue
			}
			t.Run(fmt.Sprint(way, " ", n), func(t *testing.T) {
				t.Parallel()
				s := newTied(t)
				again := s.startCrashing(t, writesCertificate, n, way, s.serving()...)
				s.act(t)
				fault := "crash " + way + " a write of a tie"
				s.checkTies(t, fault, s.untilAgain(t, fault, again))
			})
		}
	}
}

// The replica that takes over has seen nothing since the Gateways came: it doesn't know of edits, of the grant that went and came back, and that
// one Gateway is another now.
func TestAnOldViewOfTies(t *testing.T) {
	t.Parallel()
	s := newTied(t)
	flags := s.serving(s.ownLease(t)...)
	first := s.launch(t, s.link, nil, flags...)
	s.untilLeads(t, first)
	s.untilRight(t)
	behind := newLink(t, shared, kubeconfig)
	gate := &proxy.Gate{}
	behind.put(behind.gated(gate))
	second := s.launch(t, behind, nil, flags...)
	if err := second.UntilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	gate.Lock()
	s.certshim = first
	s.act(t)
	s.tells(t, "CertificateNotOurs", 1)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	s.untilLeads(t, second)
	gate.Unlock()
	s.link, s.certshim = behind, second
	s.heals()
	s.checkTies(t, "old view of ties", behind.strikes())
}

// The lists that a process gets first are those from before the edits.
func TestOldListsOfTies(t *testing.T) {
	t.Parallel()
	s := newTied(t)
	lists := &records{resources: []string{"/gateways", "/referencegrants", "/certificates"}, of: map[string][]byte{}}
	s.link.put(lists.keep)
	flags := s.serving(s.ownLease(t)...)
	first := s.launch(t, s.link, []string{listsOnly}, flags...)
	s.certshim = first
	s.act(t)
	s.tells(t, "CertificateNotOurs", 1)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	gate := &proxy.Gate{}
	gate.Lock()
	s.link.put(s.link.outdated(lists, s.link.gated(gate)))
	s.certshim = s.launch(t, s.link, []string{listsOnly}, flags...)
	s.untilLooked(t, s.certshim)
	gate.Unlock()
	s.heals()
	s.checkTies(t, "old lists of ties", s.link.strikes())
}

// Certificates are to outlive their source from now on; certshim is killed at the write that takes the owner reference off, and is down once more while
// the source goes. They stay, and so does one that the source no longer named.
func TestCertificatesThatOutliveTheirSource(t *testing.T) {
	for at, way := range crashes {
		if !*full && at != int(*seed%3) {
			continue
		}
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			kept := s.add(t, s.namespace, "Ingress", "kept")
			again := s.startCrashing(t, writesCertificate, len(s.origins)+1, way)
			s.untilRight(t)
			kept.retains = true
			s.apply(t, s.namespace, kept)
			s.certificates.Until(t, "the owner reference to go", func(state cluster.State) bool { return len(state[kept.secret].GetOwnerReferences()) == 0 })
			fault := "crash " + way + ", and retain"
			strikes := s.untilAgain(t, fault, again)

			s.extendBy(t, s.namespace, kept, "kept-too")
			s.untilRight(t)
			shorter := *kept
			shorter.more = nil
			shared.Apply(t, s.namespace, shorter.manifest())
			if err := s.certshim.Kill(); err != nil {
				t.Fatal(err)
			}
			shared.Delete(t, ingresses, s.namespace, kept.name)
			s.edited("Ingress kept names one Secret, and is deleted")
			s.start(t)
			s.heals()
			s.check(t, fault, strikes)
		})
	}
}
