package faults

import (
	"fmt"
	"net/http"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// An Ingress is deleted and another one of its name is made, and the garbage collector can't remove the Certificate for a
// while: that one isn't the new Ingress's.
func TestAnotherObjectOfTheName(t *testing.T) {
	t.Parallel()
	s := steady(t)
	first, second := s.origins[0], s.origins[1]
	mend := s.breakWebhook(t, "faults-kept", "[DELETE]", func(certificates dynamic.ResourceInterface) error {
		return certificates.Delete(t.Context(), first.secret, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	})
	s.replace(t, s.namespace, first)
	// By the time that this one is made, certshim has seen the new Ingress.
	const later = "later-tls"
	s.extendBy(t, s.namespace, second, later)
	s.certificates.Object(t, later, "to be made", func(*unstructured.Unstructured) bool { return true })
	former := s.certificates.State()[first.secret]
	strikes := count(former != nil && former.GetOwnerReferences()[0].UID != first.uid)
	mend()
	s.heals()
	s.check(t, "another object of the name", strikes)
}

// Somebody else makes a Certificate while what the watch of Certificates shows is held back, and then a source asks for one of that name.
func TestACreateThatMeetsAnother(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	gate := &proxy.Gate{Of: "/certificates"}
	s.link.put(s.link.gated(gate))
	s.start(t)
	s.untilRight(t)
	gate.Lock()
	const name = "taken"
	shared.Apply(t, s.namespace, fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %[1]s}
spec: {secretName: %[1]s, issuerRef: {name: %[2]s}, dnsNames: [%[1]s.example.com]}
`, name, issuer))
	written, before := s.link.written(), s.problems(t)
	s.extendBy(t, s.namespace, s.origins[0], name)
	s.await(t, "the create to be answered", func() error {
		if n := s.link.written() - written; n == 0 {
			return fmt.Errorf("there were %d writes", n)
		}
		return nil
	})
	gate.Unlock()
	s.untilTold(t, before)
	// One that goes while it is issued would confuse cert-manager.
	s.certificates.Until(t, name+" to be issued", func(state cluster.State) bool { return state[name] != nil && cluster.IsReady(state[name]) })
	shared.Delete(t, cluster.Certificates(), s.namespace, name)
	s.heals()
	s.check(t, "a create that meets another", s.link.strikes())
}

// A ListenerSet is there before its Gateway, and is served once that comes.
func TestAGatewayThatComesLate(t *testing.T) {
	t.Parallel()
	s := steady(t)
	before := s.problems(t)
	o := &origin{kind: "ListenerSet", name: "early", secret: "early-tls", hosts: []string{"early.example.com"}, parent: "late", signer: signer{name: issuer}}
	s.origins = append(s.origins, o)
	s.apply(t, s.namespace, o)
	s.untilTold(t, before)
	waits := s.certificates.State()[o.secret] == nil
	shared.Apply(t, s.namespace, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: late}
spec:
  gatewayClassName: any
  allowedListeners: {namespaces: {from: Same}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
`)
	s.heals()
	s.check(t, "a Gateway that comes late", count(waits))
}

// A Certificate is edited to write the Secret of another source, which is refused meanwhile. That one is served once certshim has put
// the edit back.
func TestASecretThatIsFreeAgain(t *testing.T) {
	t.Parallel()
	s := steady(t)
	before := s.problems(t)
	first, second := s.origins[0], s.origins[1]
	const secret = "free-again"
	barrier := &proxy.Barrier{Matches: writesCertificate}
	s.link.put(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if barrier.Matches(request) {
			s.link.struck()
		}
		barrier.Before(request)
		return next.RoundTrip(request)
	})
	barrier.Shut()
	s.want(first).specs += 2
	if _, err := shared.Dynamic.Resource(cluster.Certificates()).Namespace(s.namespace).Patch(t.Context(), first.secret, types.MergePatchType,
		[]byte(`{"spec":{"secretName":"`+secret+`"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	s.extendBy(t, s.namespace, second, secret)
	s.untilTold(t, before)
	s.untilStruck(t, 1)
	barrier.Open()
	s.heals()
	s.check(t, "a Secret that is free again", s.link.strikes())
}

// One write fails, once, and nothing else happens that could lead to another look at its source.
func TestAWriteThatFailsAlone(t *testing.T) {
	t.Parallel()
	s := steady(t)
	refuse := refused(http.StatusServiceUnavailable)
	s.link.put(func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !writesCertificate(request) || s.link.strikes() > 0 {
			return next.RoundTrip(request)
		}
		s.link.struck()
		return refuse(request, next)
	})
	s.grow(t, s.namespace, s.origins[0])
	s.untilStruck(t, 1)
	s.heals()
	s.check(t, "a write that fails alone", s.link.strikes())
}

// untilTold waits until certshim knows of one more problem.
func (s *scene) untilTold(t *testing.T, before float64) {
	t.Helper()
	s.await(t, "one more problem to be known", func() error {
		if n := s.problems(t); n <= before {
			return fmt.Errorf("there are %v, as before", n)
		}
		return nil
	})
}

func (s *scene) problems(t *testing.T) float64 {
	t.Helper()
	return s.metric(t, "certshim_current_problems")
}
