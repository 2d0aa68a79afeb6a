package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// Gate holds back what the watches of a resource show, while it is locked.
type Gate struct {
	sync.Mutex
	// Of is how the path of the resource ends.
	Of string
}

// See is called with each answer of the API server. It gives no error.
func (g *Gate) See(response *http.Response) error {
	request := response.Request.URL
	if strings.HasSuffix(request.Path, g.Of) && request.Query().Get("watch") == "true" {
		response.Body = gated{response.Body, g}
	}
	return nil
}

type gated struct {
	io.ReadCloser
	gate *Gate
}

func (g gated) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	g.gate.Lock()
	defer g.gate.Unlock()
	return n, err
}

// Barrier counts the requests that match, and holds them back while it is shut.
type Barrier struct {
	Matches func(*http.Request) bool

	lock sync.Mutex
	// gate is closed while requests may pass; nil before the barrier is shut for the first time.
	gate chan struct{}
	came int
}

// Before is called with each request.
func (b *Barrier) Before(request *http.Request) {
	if !b.Matches(request) {
		return
	}
	b.lock.Lock()
	b.came++
	gate := b.gate
	b.lock.Unlock()
	if gate == nil {
		return
	}
	select {
	case <-gate:
	case <-request.Context().Done():
	}
}

// Shut holds back what comes from now on.
func (b *Barrier) Shut() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.gate = make(chan struct{})
}

// Open lets pass what is held back, and what comes.
func (b *Barrier) Open() {
	b.lock.Lock()
	defer b.lock.Unlock()
	close(b.gate)
}

// Count is how many requests have come, those that are held back included.
func (b *Barrier) Count() int {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.came
}
