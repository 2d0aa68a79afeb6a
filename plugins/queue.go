package plugins

import (
	"context"
	"sync"

	"github.com/certshim/certshim/resolver"
)

// queue holds the issuers to ask about, in order of arrival and each at most once. An issuer
// that is added while it is in flight is queued again afterwards.
type queue struct {
	lock    sync.Mutex
	waiting []resolver.IssuerKey
	places  map[resolver.IssuerKey]place
	// more holds a signal while issuers are waiting.
	more chan struct{}
}

type place int

const (
	inQueue place = iota + 1
	inFlight
	inFlightAgain
)

func newQueue() *queue {
	return &queue{places: map[resolver.IssuerKey]place{}, more: make(chan struct{}, 1)}
}

func (q *queue) add(keys ...resolver.IssuerKey) {
	q.lock.Lock()
	defer q.lock.Unlock()
	for _, key := range keys {
		switch q.places[key] {
		case inQueue, inFlightAgain:
		case inFlight:
			q.places[key] = inFlightAgain
		default:
			q.places[key] = inQueue
			q.waiting = append(q.waiting, key)
		}
	}
	q.signal()
}

// signal must be called with the lock held.
func (q *queue) signal() {
	if len(q.waiting) == 0 {
		return
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take waits for issuers and returns at most most of them; none means that the context ended.
func (q *queue) take(ctx context.Context, most int) []resolver.IssuerKey {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.more:
		}
		if keys := q.takeNow(most); len(keys) > 0 {
			return keys
		}
	}
}

func (q *queue) takeNow(most int) []resolver.IssuerKey {
	q.lock.Lock()
	defer q.lock.Unlock()
	n := min(most, len(q.waiting))
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	for _, key := range taken {
		q.places[key] = inFlight
	}
	q.signal()
	return taken
}

// giveBack queues issuers from take that nobody asked about.
func (q *queue) giveBack(keys []resolver.IssuerKey) {
	q.add(keys...)
	q.done(keys...)
}

// done marks issuers from take as no longer in flight.
func (q *queue) done(keys ...resolver.IssuerKey) {
	q.lock.Lock()
	defer q.lock.Unlock()
	for _, key := range keys {
		if q.places[key] == inFlightAgain {
			q.places[key] = inQueue
			q.waiting = append(q.waiting, key)
			continue
		}
		delete(q.places, key)
	}
	q.signal()
}

func (q *queue) len() int {
	q.lock.Lock()
	defer q.lock.Unlock()
	return len(q.waiting)
}
