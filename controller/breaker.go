package controller

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// The backoff while a webhook is down, and how long it may be before that is reported.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	reportAfter  = 5 * time.Minute
)

// breaker holds back the writes of a namespace while an admission webhook that is asked about
// them doesn't answer: they would all fail alike. After each pause one write tries whether the
// webhook is back. Namespaces in which none has failed go on: a webhook may select others.
type breaker struct {
	lock sync.Mutex
	// outages are those of webhooks, by name.
	outages map[string]*outage
	// pending counts for each source the outages for whose end it waits.
	pending map[key]int
	gauge   prometheus.Gauge
}

// outage is the time in which a webhook doesn't answer.
type outage struct {
	// namespaces in which a write has failed.
	namespaces map[string]bool
	pending    map[key]bool
	since      time.Time
	// last is when a write failed last.
	last  time.Time
	next  time.Time
	pause time.Duration
	// probe is the source whose write tries whether the webhook is back.
	probe    key
	reported bool
}

func newBreaker(gauge prometheus.Gauge) *breaker {
	return &breaker{outages: map[string]*outage{}, pending: map[key]int{}, gauge: gauge}
}

// wait is how long a write has to wait. It is 0 while all is well, and for the one write
// that is to try.
func (b *breaker) wait(k key, now time.Time) (longest time.Duration) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.endOld(now)
	meets := b.in(k.Namespace())
	for _, o := range meets {
		b.holdBack(o, k)
		longest = max(longest, o.next.Sub(now))
	}
	if longest > 0 {
		return longest
	}
	for _, o := range meets {
		o.next, o.probe = now.Add(o.pause), k
	}
	return 0
}

// in gives the outages that are known to concern a namespace.
func (b *breaker) in(namespace string) []*outage {
	var found []*outage
	for _, o := range b.outages {
		if o.namespaces[namespace] {
			found = append(found, o)
		}
	}
	return found
}

// failed notes a write that the webhook didn't answer. It gives the pause, and whether
// it is time to report it.
func (b *breaker) failed(webhook string, k key, now time.Time) (pause time.Duration, report bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.endOld(now)
	o := b.outages[webhook]
	switch {
	case o == nil:
		o = &outage{
			namespaces: map[string]bool{}, pending: map[key]bool{},
			since: now, pause: firstPause, next: now.Add(firstPause),
		}
		b.outages[webhook] = o
	case o.probe == k:
		o.pause = min(2*o.pause, longestPause)
		o.next, o.probe = now.Add(o.pause), key{}
	}
	o.last, o.namespaces[k.Namespace()] = now, true
	b.holdBack(o, k)
	report = !o.reported && now.Sub(o.since) >= reportAfter
	o.reported = o.reported || report
	return max(o.next.Sub(now), firstPause), report
}

// answered notes that a write was made. The webhooks that had not answered in its namespace are
// back; it gives those that were waiting for them.
func (b *breaker) answered(k key) []key {
	b.lock.Lock()
	defer b.lock.Unlock()
	released := map[key]bool{}
	for webhook, o := range b.outages {
		if o.namespaces[k.Namespace()] {
			maps.Copy(released, o.pending)
			b.end(webhook)
		}
	}
	return slices.Collect(maps.Keys(released))
}

// endOld ends outages in which no write has failed for long: either no write reaches the webhook,
// or all are refused for other reasons. Writes that were held back are retried by themselves.
func (b *breaker) endOld(now time.Time) {
	for webhook, o := range b.outages {
		if now.Sub(o.last) >= reportAfter {
			b.end(webhook)
		}
	}
}

func (b *breaker) holdBack(o *outage, k key) {
	if !o.pending[k] {
		o.pending[k] = true
		b.pending[k]++
		b.gauge.Set(float64(len(b.pending)))
	}
}

func (b *breaker) end(webhook string) {
	for k := range b.outages[webhook].pending {
		if b.pending[k]--; b.pending[k] == 0 {
			delete(b.pending, k)
		}
	}
	delete(b.outages, webhook)
	b.gauge.Set(float64(len(b.pending)))
}

// pace spreads the changes of a take-over over time: each Certificate gets a slot, one
// after another, and changes in it. A worker that comes too early comes back in time.
type pace struct {
	interval time.Duration
	lock     sync.Mutex
	slots    map[types.NamespacedName]time.Time
	last     time.Time
}

// newPace allows so many changes a minute. With 0 no decision is to be paced.
func newPace(changesPerMinute int) *pace {
	p := &pace{slots: map[types.NamespacedName]time.Time{}}
	if changesPerMinute > 0 {
		p.interval = time.Minute / time.Duration(changesPerMinute)
	}
	return p
}

// begin lets the first change wait for its turn, as another replica may have made one just now.
func (p *pace) begin(now time.Time) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.last = now
}

// due is how long the change of a Certificate has to wait; 0 means that it may go, and
// uses its slot up. A slot that passed unused by more than the interval is lost.
func (p *pace) due(name types.NamespacedName, now time.Time) time.Duration {
	p.lock.Lock()
	defer p.lock.Unlock()
	slot, has := p.slots[name]
	if has && now.Before(slot) {
		return slot.Sub(now)
	}
	if has && now.Sub(slot) < p.interval {
		delete(p.slots, name)
		return 0
	}
	slot = p.last.Add(p.interval)
	if slot.Before(now) {
		slot = now
	}
	p.last = slot
	if !slot.After(now) {
		delete(p.slots, name)
		return 0
	}
	// A name that waits keeps no object alive that it was read from.
	p.slots[types.NamespacedName{Namespace: strings.Clone(name.Namespace), Name: strings.Clone(name.Name)}] = slot
	return slot.Sub(now)
}
