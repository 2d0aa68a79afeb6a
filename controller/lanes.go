package controller

import (
	"sync"

	"k8s.io/client-go/util/workqueue"
)

// slowTurn is how often the slow lane goes first: every eighth time.
const slowTurn = 8

// lanes is the order of the queue. Changes go through the fast lane; the initial list and
// retries wait in the slow one, in which the namespaces take turns. So a change does not
// wait behind ten thousand objects of a start, nor one tenant behind another's.
type lanes struct {
	lock   sync.Mutex
	places map[key]place
	queued int
	fast   fifo[key]
	slow   map[string]*fifo[key]
	turns  fifo[string] // the namespaces of slow, next first
	pops   int
}

// place is where a key is; one that isn't in the queue has none, or is marked.
type place uint8

const (
	marked place = iota + 1 // for the slow lane, when it is added
	inSlowLane
	inFastLane
)

var _ workqueue.Queue[key] = (*lanes)(nil)

func newLanes() *lanes {
	return &lanes{places: map[key]place{}, slow: map[string]*fifo[key]{}}
}

// slowDown sends a key through the slow lane when it is added next. One that is in the
// queue keeps its place.
func (l *lanes) slowDown(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.places[k] == 0 {
		l.places[k] = marked
	}
}

// speedUp sends a key through the fast lane when it is added next, or moves it there.
func (l *lanes) speedUp(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	switch l.places[k] {
	case marked:
		delete(l.places, k)
	case inSlowLane:
		l.places[k] = inFastLane
		l.fast.push(k)
	case inFastLane:
	}
}

// Touch does nothing: the lane was settled before the key was added.
func (l *lanes) Touch(key) {}

// Push adds a key that is not in the queue.
func (l *lanes) Push(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.queued++
	if l.places[k] != marked {
		l.places[k] = inFastLane
		l.fast.push(k)
		return
	}
	l.places[k] = inSlowLane
	keys := l.slow[k.namespace]
	if keys == nil {
		keys = &fifo[key]{}
		l.slow[k.namespace] = keys
		l.turns.push(k.namespace)
	}
	keys.push(k)
}

// Len counts the keys in both lanes.
func (l *lanes) Len() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.queued
}

// Pop takes the next key; the work queue calls it only while Len is more than 0.
func (l *lanes) Pop() key {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.pops++
	first, second := l.fast.pop, l.popSlow
	if l.pops%slowTurn == 0 {
		first, second = second, first
	}
	k, found := first()
	if !found {
		k, _ = second()
	}
	l.queued--
	delete(l.places, k)
	if len(l.places) == 0 {
		// A map keeps the size that it had at the start.
		l.places = map[key]place{}
	}
	return k
}

// popSlow passes over the keys that have moved to the fast lane meanwhile.
func (l *lanes) popSlow() (key, bool) {
	for {
		namespace, found := l.turns.pop()
		if !found {
			return key{}, false
		}
		keys := l.slow[namespace]
		k, _ := keys.pop()
		if keys.empty() {
			delete(l.slow, namespace)
		} else {
			l.turns.push(namespace)
		}
		if l.places[k] == inSlowLane {
			return k, true
		}
	}
}

// fifo is a queue whose memory is given back as it empties.
type fifo[T any] struct{ in, out []T }

func (f *fifo[T]) push(v T) { f.in = append(f.in, v) }

func (f *fifo[T]) empty() bool { return len(f.in) == 0 && len(f.out) == 0 }

func (f *fifo[T]) pop() (v T, found bool) {
	if len(f.out) == 0 {
		f.in, f.out = nil, f.in
	}
	if len(f.out) == 0 {
		return v, false
	}
	v, f.out = f.out[0], f.out[1:]
	return v, true
}
