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

// failures are the sources whose last request failed or was forbidden. Their backoff may outlast the
// outage by minutes, so the first write that succeeds releases them.
type failures struct {
	lock sync.Mutex
	by   map[key]failure
	// next is the earliest from of the sources that wait; zero if none does.
	next time.Time
	// forbidden has the sources that lack a permission, by namespace.
	forbidden map[string]map[key]bool
}

// failure is a source that has failed since its last success.
type failure struct {
	waits bool
	// from is when it may be released, and pause how long it waits for the release after that.
	from  time.Time
	pause time.Duration
}

func newFailures() *failures {
	return &failures{by: map[key]failure{}, forbidden: map[string]map[key]bool{}}
}

// add notes that a request for a source failed.
func (f *failures) add(k key, now time.Time) {
	f.lock.Lock()
	defer f.lock.Unlock()
	one, known := f.by[k]
	if !known {
		one = failure{from: now, pause: firstRelease}
	}
	one.waits = true
	f.by[k] = one
	f.until(one.from)
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

// forget drops a source that has nothing to try again. permitted reports whether it was the last
// in its namespace that lacked a permission, and all whether now none lacks any.
func (f *failures) forget(k key) (permitted, all bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.by, k)
	if in := f.forbidden[k.Namespace()]; in[k] {
		delete(in, k)
		if permitted = len(in) == 0; permitted {
			delete(f.forbidden, k.Namespace())
		}
	}
	return permitted, len(f.forbidden) == 0
}

// release is called when a request has succeeded. It returns the sources that may be tried now.
func (f *failures) release(now time.Time) []key {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.next.IsZero() || now.Before(f.next) {
		return nil
	}
	var released []key
	f.next = time.Time{}
	for k, one := range f.by {
		switch {
		case !one.waits:
		case now.Before(one.from):
			f.until(one.from)
		default:
			released = append(released, k)
			f.by[k] = failure{from: now.Add(one.pause), pause: min(2*one.pause, longestRelease)}
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

// recovered forgets the failures of a source, and logs if no write in its namespace lacks a
// permission any more.
func (c *Controller) recovered(k key) {
	permitted, all := c.failures.forget(k)
	if !permitted {
		return
	}
	c.metrics.writeForbidden.Set(truth(!all))
	c.log.Info("no write lacks a permission any more", "namespace", k.Namespace())
}
