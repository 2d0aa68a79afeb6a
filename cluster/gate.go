package cluster

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// ErrLeaseOver is the error of a write that isn't sent, as another replica may hold the Lease
// by now.
var ErrLeaseOver = errors.New("the Lease may be another replica's by now: the request isn't sent")

// Gate lets requests that write Certificates through while it is before the time that until
// gives, the zero time being over. That is asked for each request when it is about to be sent,
// whatever it has waited for. Without a Gate all go through; requests about the Lease and
// Events always do.
func (c *Connection) Gate(until func() time.Time) { c.gate.until.Store(&until) }

// gate compares by two clocks: the monotonic one may stand still while the machine sleeps, and
// the wall clock may be set back.
type gate struct {
	until atomic.Pointer[func() time.Time]
	// now reads the monotonic clock, wall none but the wall clock.
	now, wall func() time.Time
}

func newGate() *gate {
	return &gate{now: time.Now, wall: func() time.Time { return time.Now().Round(0) }}
}

func (g *gate) open() bool {
	until := g.until.Load()
	if until == nil {
		return true
	}
	end := (*until)()
	return g.now().Before(end) && g.wall().Before(end)
}

// gated is a client whose writes go through the gate.
func (c *Connection) gated() *http.Client {
	client := *c.http
	client.Transport = gatedTransport{gate: c.gate, next: transportOf(c.http)}
	return &client
}

type gatedTransport struct {
	gate *gate
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t gatedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if writes(r.Method) && !t.gate.open() {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, ErrLeaseOver
	}
	return t.next.RoundTrip(r)
}

func writes(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// transportOf gives what a client sends by.
func transportOf(client *http.Client) http.RoundTripper {
	if client.Transport == nil {
		return http.DefaultTransport
	}
	return client.Transport
}
