package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/certshim/certshim/test/proxy"
)

// The API server answers some requests wrongly, late or not at all, those for the Lease, discovery and Events too.
func TestAnswers(t *testing.T) {
	for name, fault := range played(map[string]proxy.Around{
		"429": refused(http.StatusTooManyRequests), "500": refused(http.StatusInternalServerError),
		"503": refused(http.StatusServiceUnavailable), "504": refused(http.StatusGatewayTimeout),
		"request lost": unsent, "answer lost": unanswered, "answer cut off": truncated, "request late": delayed,
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := steady(t)
			const in = 3
			s.link.put(s.link.sometimes(*seed, in, fault))
			s.play(t, s.namespace, edits())
			s.untilStruck(t, some)
			s.heals()
			s.check(t, name, s.link.strikes())
		})
	}
}

// The API server lets go of a connection with each answer, as it does by --goaway-chance to share the load: what is underway ends, and
// what comes takes another one.
func TestConnectionsThatAreLetGo(t *testing.T) {
	t.Parallel()
	s := steady(t)
	s.link.put(s.link.goingAway())
	s.play(t, s.namespace, edits())
	s.untilStruck(t, some)
	s.heals()
	s.check(t, "GOAWAY", s.link.strikes())
}

// goingAway lets go of each connection, and strikes when another one takes its place.
func (l *link) goingAway() proxy.Around {
	var lock sync.Mutex
	connections := map[string]bool{}
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		lock.Lock()
		another := !connections[request.RemoteAddr]
		connections[request.RemoteAddr] = true
		lock.Unlock()
		if another {
			l.struck()
		}
		response, err := next.RoundTrip(request)
		if err == nil {
			response.Close = true
		}
		return response, err
	}
}

// Watches end within an event, again and again, or from where they are to go on no longer.
func TestWatchesThatEnd(t *testing.T) {
	for name, fault := range map[string]func(*link) proxy.Around{
		"watch cut off": func(l *link) proxy.Around { return l.brief },
		"watch expired": (*link).expired,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.link.put(fault(s.link))
			s.start(t)
			s.play(t, s.namespace, edits())
			s.untilStruck(t, some)
			s.heals()
			s.check(t, name, s.link.strikes())
		})
	}
}

// Once all is known, the API server answers lists and watches of Ingresses by 503, then by 403, and by 503 again: the metrics go by what it
// answered last.
func TestAnswersAreToldApart(t *testing.T) {
	t.Parallel()
	s := steady(t)
	for _, step := range []struct {
		status             int32
		failing, forbidden float64
	}{{http.StatusServiceUnavailable, 1, 0}, {http.StatusForbidden, 0, 1}, {http.StatusServiceUnavailable, 1, 0}} {
		s.link.put(s.link.answering(step.status, "/ingresses"))
		s.link.hangUp("/ingresses")
		s.await(t, fmt.Sprintf("the metrics to tell of %d", step.status), func() error {
			failing, forbidden := s.metric(t, "certshim_informer_failing"), s.metric(t, "certshim_resource_forbidden")
			if failing != step.failing || forbidden != step.forbidden {
				return fmt.Errorf("failing %v, forbidden %v", failing, forbidden)
			}
			return nil
		})
	}
	s.heals()
	s.check(t, "503 and 403 of Ingresses", s.link.strikes())
}

// answering answers reads of a resource by a status.
func (l *link) answering(status int32, resource string) proxy.Around {
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method != http.MethodGet || !strings.HasSuffix(request.URL.Path, resource) {
			return next.RoundTrip(request)
		}
		l.struck()
		return refused(status)(request, next)
	}
}

// some is how often a fault must strike at least.
const some = 5

// untilStruck waits until the fault has struck that often.
func (s *scene) untilStruck(t *testing.T, least int) {
	t.Helper()
	s.await(t, "the fault to strike", func() error {
		if n := s.link.strikes(); n < least {
			return fmt.Errorf("it struck %d times", n)
		}
		return nil
	})
}
