package controller

import (
	"sync"
	"time"
)

// The pause until a source that was released, and failed again, may be released once more
// doubles from first to longest. What fails by itself is so not tried whenever another succeeds.
const (
	firstRelease   = 2 * time.Second
	longestRelease = 5 * time.Minute
)

// failures are the sources whose last request failed, or for which a permission is missing. They
// wait for their backoff, which may outlive an outage by minutes. So the first write that succeeds
// releases them.
type failures struct {
	lock sync.Mutex
	by   map[key]failure
	// next is when the first of those that wait may be released.
	next time.Time
}

// failure is a source that has failed since it succeeded last.
type failure struct {
	waits bool
	// from is when it may be released, pause how long after that it may be again.
	from  time.Time
	pause time.Duration
}

func newFailures() *failures { return &failures{by: map[key]failure{}} }

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

// forget drops a source that has nothing to try again.
func (f *failures) forget(k key) {
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.by, k)
}

// release gives the sources that need not wait any longer, as a request has succeeded.
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
