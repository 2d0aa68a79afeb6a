package controller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The shared backoff while a webhook is down, and how long it may be before that is reported.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	reportAfter  = 5 * time.Minute
)

// breaker holds back all writes while an admission webhook doesn't answer: they would all
// fail alike. After each pause one write tries whether it is back.
type breaker struct {
	lock    sync.Mutex
	pending map[key]bool
	gauge   prometheus.Gauge
	since   time.Time
	next    time.Time
	pause   time.Duration
	// probe is the source whose write tries whether the webhook is back.
	probe    key
	reported bool
}

func newBreaker(gauge prometheus.Gauge) *breaker {
	return &breaker{pending: map[key]bool{}, gauge: gauge}
}

// wait is how long a write has to wait. It is 0 while all is well, and for the one write
// that is to try.
func (b *breaker) wait(k key, now time.Time) time.Duration {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.since.IsZero() {
		return 0
	}
	b.pending[k] = true
	b.gauge.Set(float64(len(b.pending)))
	if now.Before(b.next) {
		return b.next.Sub(now)
	}
	b.next, b.probe = now.Add(b.pause), k
	return 0
}

// failed notes a write that the webhook didn't answer. It gives the pause, and whether
// it is time to report it.
func (b *breaker) failed(k key, now time.Time) (pause time.Duration, report bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	switch {
	case b.since.IsZero():
		b.since, b.pause, b.next = now, firstPause, now.Add(firstPause)
	case b.probe == k:
		b.pause = min(2*b.pause, longestPause)
		b.next, b.probe = now.Add(b.pause), key{}
	}
	b.pending[k] = true
	b.gauge.Set(float64(len(b.pending)))
	report = !b.reported && now.Sub(b.since) >= reportAfter
	b.reported = b.reported || report
	return max(b.next.Sub(now), firstPause), report
}

// answered notes that a write got through to its end, be it refused. It gives those that
// were waiting for that.
func (b *breaker) answered() []key {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.since.IsZero() {
		return nil
	}
	released := slices.Collect(maps.Keys(b.pending))
	b.since, b.next, b.probe, b.reported = time.Time{}, time.Time{}, key{}, false
	clear(b.pending)
	b.gauge.Set(0)
	return released
}
