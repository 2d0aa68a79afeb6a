package faults

import (
	"net/http"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/proxy"
)

// What a watch shows is held back while edits go on, of each resource in turn.
func TestWatchesThatAreBehind(t *testing.T) {
	for n, resource := range []string{"/ingresses", "/gateways", "/listenersets", "/certificates", "/issuers", "/customresourcedefinitions"} {
		if !plays(n) {
			continue
		}
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
