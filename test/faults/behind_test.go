package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/proxy"
)

// What a watch shows is held back while edits go on, of each resource in turn.
func TestWatchesThatAreBehind(t *testing.T) {
	for _, resource := range []string{"/ingresses", "/gateways", "/listenersets", "/certificates", "/issuers", "/customresourcedefinitions"} {
		t.Run(resource[1:], func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			gate := &proxy.Gate{Of: resource}
			s.link.put(s.link.gated(gate))
			s.start(t)
			s.untilRight(t)
			gate.Lock()
			s.play(t, s.namespace, edits())
			gate.Unlock()
			s.heals()
			s.check(t, resource[1:]+" behind", s.link.strikes())
		})
	}
}

// gated lets a gate see all answers.
func (l *link) gated(gate *proxy.Gate) proxy.Around {
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		if watches(request) && strings.HasSuffix(request.URL.Path, gate.Of) {
			l.struck()
		}
		return response, gate.See(response)
	}
}

// An Ingress is deleted and made again while nobody sees it, and then the watch goes on by a new list alone: what was one object
// all along, by its name, is another.
func TestStatesThatNobodySaw(t *testing.T) {
	t.Parallel()
	s := steady(t)
	sees, fault := s.link.blind("/ingresses")
	s.link.put(fault)
	// The watch from before the fault ends.
	s.link.hangUp("/ingresses")
	before := s.metric(t, "certshim_reconciles_total")
	s.replace(t, s.namespace, s.origins[0])
	s.replace(t, s.namespace, s.origins[0])
	s.grow(t, s.namespace, s.origins[1])
	s.rename(t, s.namespace, s.origins[1])
	s.untilStruck(t, 1)
	// The garbage collector removes the Certificate of the first of them, and that is seen.
	s.certificates.Gone(t, s.origins[0].secret)
	s.await(t, "its loss to be looked at", func() error {
		if now := s.metric(t, "certshim_reconciles_total"); now <= before {
			return fmt.Errorf("certshim_reconciles_total is %v", now)
		}
		return nil
	})
	close(sees)
	s.heals()
	s.check(t, "state not seen", s.link.strikes())
}

// blind holds back new watches of a resource until sees is closed.
func (l *link) blind(resource string) (sees chan struct{}, fault proxy.Around) {
	sees = make(chan struct{})
	return sees, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if !watches(request) || !strings.HasSuffix(request.URL.Path, resource) {
			return next.RoundTrip(request)
		}
		l.struck()
		select {
		case <-sees:
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
		return next.RoundTrip(request)
	}
}
