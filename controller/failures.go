package controller

import (
	"sync"
	"time"

	"github.com/certshim/certshim/cluster"
)

// The pause before a source that failed again may be released once more. It doubles from firstRelease
// to longestRelease, so that a source with a fault of its own isn't tried at every success of others.
const (
	firstRelease   = 2 * time.Second
	longestRelease = 5 * time.Minute
)

// failures are the sources whose last request failed or was forbidden, be it a write or the read before it. Their backoff may outlast the
// outage by minutes, so the first write that succeeds releases them. Where nothing else is written, one
// of them at a time, the probe, is tried sooner than its backoff would have it.
type failures struct {
	lock sync.Mutex
	by   map[key]failure
	// next is the earliest from of the sources that wait; zero if none does.
	next time.Time
	// probe is the source that tries whether the outage is over, by the time overdue; the zero key if
	// none is about to. The next one waits for probePause.
	probe      key
	overdue    time.Time
	probePause time.Duration
	// forbidden has the sources that lack a permission, by namespace.
	forbidden map[string]map[key]bool
}

// failure is a source that has failed since its last success.
type failure struct {
	waits bool
	// tried is when a request for it failed last.
	tried time.Time
	// from is when it may be released, and pause how long it waits for the release after that.
	from  time.Time
	pause time.Duration
}

func newFailures() *failures {
	return &failures{by: map[key]failure{}, forbidden: map[string]map[key]bool{}, probePause: firstPause}
}

// add notes that a request for a source failed.
func (f *failures) add(k key, now time.Time) {
	f.lock.Lock()
	defer f.lock.Unlock()
	one, known := f.by[k]
	if !known {
		one = failure{from: now, pause: firstRelease}
	}
	one.waits, one.tried = true, now
	f.by[k] = one
	f.until(one.from)
	if f.probe == k {
		f.probe, f.probePause = key{}, min(2*f.probePause, longestPause)
	}
}

// nextProbe returns the source that is to be tried after a pause, that which was tried least recently, unless
// one is about to be or none waits.
func (f *failures) nextProbe(now time.Time) (k key, after time.Duration, found bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.next.IsZero() || f.probe != (key{}) && now.Before(f.overdue) {
		return k, 0, false
	}
	for other, one := range f.by {
		if one.waits && (!found || one.tried.Before(f.by[k].tried)) {
			k, found = other, true
		}
	}
	if !found {
		f.next = time.Time{}
		return k, 0, false
	}
	f.probe, f.overdue = k, now.Add(2*f.probePause)
	return k, f.probePause, true
}

func (f *failures) until(from time.Time) {
	if f.next.IsZero() || from.Before(f.next) {
		f.next = from
	}
}

// forbid notes that a source lacks a permission. It reports whether it is the first in its
// namespace: Roles may grant the permission in some namespaces only.
func (f *failures) forbid(k key) (first bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	in := f.forbidden[k.Namespace()]
	if in == nil {
		in = map[key]bool{}
		f.forbidden[k.Namespace()] = in
	}
	first = len(in) == 0
	in[k] = true
	return first
}

// forget drops a source that has nothing to try again.
func (f *failures) forget(k key) {
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.by, k)
	if f.probe == k {
		f.probe = key{}
	}
}

// permit notes that a source lacks no permission. permitted reports whether it was the last in its
// namespace that lacked one, and all whether now none lacks any.
func (f *failures) permit(k key) (permitted, all bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if in := f.forbidden[k.Namespace()]; in[k] {
		delete(in, k)
		if permitted = len(in) == 0; permitted {
			delete(f.forbidden, k.Namespace())
		}
	}
	return permitted, len(f.forbidden) == 0
}

// release is called when a request for a source has succeeded. It returns the sources that may be tried
// now. If that one had failed, so may all of its namespace, what else it has to write included: what was
// wrong there is over.
func (f *failures) release(succeeded key, now time.Time) []key {
	f.lock.Lock()
	defer f.lock.Unlock()
	_, recovers := f.by[succeeded]
	if recovers {
		f.probePause = firstPause
	}
	if f.next.IsZero() || !recovers && now.Before(f.next) {
		return nil
	}
	var released []key
	f.next = time.Time{}
	for k, one := range f.by {
		near := recovers && k.Namespace() == succeeded.Namespace()
		switch {
		case !one.waits:
		case !near && now.Before(one.from):
			f.until(one.from)
		default:
			released = append(released, k)
			f.by[k] = failure{tried: one.tried, from: now.Add(one.pause), pause: min(2*one.pause, longestRelease)}
		}
	}
	return released
}

// permission logs a missing permission, once for each namespace.
func (c *Controller) permission(k key, r result) {
	if r.answer == cluster.Forbidden && c.failures.forbid(k) {
		c.metrics.writeForbidden.Set(1)
		c.log.Error("the permission to write Certificates is missing", "namespace", k.Namespace(), "error", r.err)
	}
}

// tryOne has one of the sources that wait tried, if none is about to be.
func (c *Controller) tryOne() {
	if k, after, found := c.failures.nextProbe(time.Now()); found {
		c.queue.after(k, after)
	}
}

// recovered forgets the failures of a source that has nothing to try again.
func (c *Controller) recovered(k key) {
	c.failures.forget(k)
	c.tryOne()
	c.permitted(k)
}

// permitted logs if no write in the namespace of a source lacks a permission any more.
func (c *Controller) permitted(k key) {
	permitted, all := c.failures.permit(k)
	if !permitted {
		return
	}
	c.metrics.writeForbidden.Set(truth(!all))
	c.log.Info("no write lacks a permission any more", "namespace", k.Namespace())
}
