package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/proxy"
)

// Much happens to the objects of one resource while its watch is down, which can't go on from where it was: a list shows what came of that, and
// nothing in between.
func TestStatesThatNobodySaw(t *testing.T) {
	for resource, unseen := range played(map[string]func(*scene, *testing.T){
		"/ingresses":    (*scene).replacesIngresses,
		"/gateways":     (*scene).changesTheGateway,
		"/listenersets": (*scene).changesTheListenerSet,
		"/certificates": (*scene).meddles,
		"/issuers":      (*scene).replacesAnIssuer,
	}) {
		t.Run(resource[1:], func(t *testing.T) {
			t.Parallel()
			s := steady(t)
			sees, fault := s.link.blind(resource)
			s.link.put(fault)
			// The watch from before the fault ends.
			s.link.hangUp(resource)
			unseen(s, t)
			s.untilStruck(t, 1)
			close(sees)
			s.heals()
			s.check(t, "states of "+resource[1:]+" not seen", s.link.strikes())
		})
	}
}

// blind holds back new watches of a resource until sees is closed, and then has them begin anew.
func (l *link) blind(resource string) (sees chan struct{}, fault proxy.Around) {
	sees = make(chan struct{})
	return sees, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !watches(request) || !strings.HasSuffix(request.URL.Path, resource) {
			return next.RoundTrip(request)
		}
		l.struck()
		select {
		case <-sees:
			return gone(request), nil
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
}

// replacesIngresses deletes an Ingress and makes it again, twice: what was one object all along, by its name, is another. The garbage collector
// removes the Certificate of the first of them, and that is seen.
func (s *scene) replacesIngresses(t *testing.T) {
	t.Helper()
	before := s.metric(t, "certshim_reconciles_total")
	s.replace(t, s.namespace, s.origins[0])
	s.replace(t, s.namespace, s.origins[0])
	s.grow(t, s.namespace, s.origins[1])
	s.rename(t, s.namespace, s.origins[1])
	s.certificates.Gone(t, s.origins[0].secret)
	s.await(t, "its loss to be looked at", func() error {
		if now := s.metric(t, "certshim_reconciles_total"); now <= before {
			return fmt.Errorf("certshim_reconciles_total is %v", now)
		}
		return nil
	})
}

// changesTheListenerSet has it ask for another Secret and then for the former one again, of which nothing may come but a label.
func (s *scene) changesTheListenerSet(t *testing.T) {
	t.Helper()
	s.asksForAMoment(t, s.origins[3])
}

// changesTheGateway does the same to the Gateway, and has it lose its trigger, gain a name, and get the trigger back.
func (s *scene) changesTheGateway(t *testing.T) {
	t.Helper()
	gateway := s.origins[2]
	s.asksForAMoment(t, gateway)
	s.silence(t, s.namespace, gateway)
	s.grow(t, s.namespace, gateway)
	s.silence(t, s.namespace, gateway)
}

// asksForAMoment lets a source ask for another Secret, which doesn't count, and for the former one again, with another label.
func (s *scene) asksForAMoment(t *testing.T, o *origin) {
	t.Helper()
	former := o.secret
	o.secret = o.name + "-unseen"
	shared.Apply(t, s.namespace, o.manifest())
	o.secret = former
	s.touch(t, s.namespace, o)
}

// meddles lets somebody edit a Certificate, which is to be put back, delete two, and put one of their own in the place of another for a moment.
func (s *scene) meddles(t *testing.T) {
	t.Helper()
	edited, replaced := s.origins[0], s.origins[1]
	s.want(edited).specs += 2
	if _, err := shared.Dynamic.Resource(cluster.Certificates()).Namespace(s.namespace).Patch(t.Context(), edited.secret, types.MergePatchType,
		[]byte(`{"spec":{"dnsNames":["meddled.example.com"]}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	s.edited("Certificate %s has another name by hand", edited.secret)
	s.steal(t, s.namespace, replaced)
	s.steal(t, s.namespace, s.origins[3])
	s.certificates.Gone(t, replaced.secret)
	shared.Apply(t, s.namespace, fmt.Sprintf(`
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: %s}
spec: {secretName: theirs, dnsNames: [theirs.example.com], issuerRef: {name: %s}}
`, replaced.secret, issuer))
	shared.Delete(t, cluster.Certificates(), s.namespace, replaced.secret)
	s.edited("Certificate %s is somebody's for a moment", replaced.secret)
}

// replacesAnIssuer deletes an issuer and makes it again, while sources begin to ask for it.
func (s *scene) replacesAnIssuer(t *testing.T) {
	t.Helper()
	issuers := schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "issuers"}
	s.move(t, s.namespace, s.origins[0])
	shared.Delete(t, issuers, s.namespace, otherIssuer)
	s.move(t, s.namespace, s.origins[1])
	s.otherIssuer(t)
	s.certificates.Until(t, "the Certificates to name the other issuer", func(state cluster.State) bool {
		for _, m := range madeOf([]*unstructured.Unstructured{state[s.origins[0].secret], state[s.origins[1].secret]}) {
			if m.issuer != otherIssuer {
				return false
			}
		}
		return true
	})
}
