package controller

import (
	"sync"

	"k8s.io/client-go/util/workqueue"
)

// slowTurn makes every eighth pop prefer the slow lane, so that changes can't starve it.
const slowTurn = 8

// lanes is the order of the work queue. Changes go through the fast lane; first lists and
// retries go through the slow one. Within each lane the namespaces take turns. So a change
// never waits behind the ten thousand objects of a start, nor one tenant behind another.
type lanes[K comparable] struct {
	namespace func(K) string

	lock   sync.Mutex
	places map[K]place
	queued int
	fast   lane[K]
	slow   lane[K]
	pops   int
}

// place says where a key is. A key outside the queue has none, or is marked.
type place uint8

const (
	marked place = iota + 1 // goes to the slow lane when it is pushed
	inSlowLane
	inFastLane
)

func newLanes[K comparable](namespace func(K) string) *lanes[K] {
	return &lanes[K]{namespace: namespace, places: map[K]place{}}
}

// slowDown sends a key through the slow lane the next time it is pushed. A key that is
// queued already keeps its place.
func (l *lanes[K]) slowDown(k K) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.places[k] == 0 {
		l.places[k] = marked
	}
}

// speedUp sends a key through the fast lane the next time it is pushed, and moves a key
// that waits in the slow lane there.
func (l *lanes[K]) speedUp(k K) {
	l.lock.Lock()
	defer l.lock.Unlock()
	switch l.places[k] {
	case marked:
		delete(l.places, k)
	case inSlowLane:
		// Its entry in the slow lane is passed over later.
		l.places[k] = inFastLane
		l.fast.push(l.namespace(k), k)
	case inFastLane:
	}
}

// Touch does nothing: slowDown or speedUp has chosen the lane before.
func (l *lanes[K]) Touch(K) {}

// Push adds a key that is not in the queue.
func (l *lanes[K]) Push(k K) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.queued++
	if l.places[k] == marked {
		l.places[k] = inSlowLane
		l.slow.push(l.namespace(k), k)
		return
	}
	l.places[k] = inFastLane
	l.fast.push(l.namespace(k), k)
}

// Len counts the keys of both lanes.
func (l *lanes[K]) Len() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.queued
}

// Pop takes the next key. The work queue calls it only while Len is greater than 0.
func (l *lanes[K]) Pop() K {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.pops++
	first, second := l.popFast, l.popSlow
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
		// A map never shrinks: give back the size that a start needed.
		l.places = map[K]place{}
	}
	return k
}

func (l *lanes[K]) popFast() (K, bool) {
	return l.fast.pop(func(k K) bool { return l.places[k] == inFastLane })
}

func (l *lanes[K]) popSlow() (K, bool) {
	return l.slow.pop(func(k K) bool { return l.places[k] == inSlowLane })
}

var _ workqueue.Queue[string] = (*lanes[string])(nil)

// lane is a queue in which the namespaces take turns.
type lane[K comparable] struct {
	keys  map[string]*fifo[K]
	turns fifo[string] // the namespaces of keys, the next one first
}

func (l *lane[K]) push(namespace string, k K) {
	keys := l.keys[namespace]
	if keys == nil {
		if l.keys == nil {
			l.keys = map[string]*fifo[K]{}
		}
		keys = &fifo[K]{}
		l.keys[namespace] = keys
		l.turns.push(namespace)
	}
	keys.push(k)
}

// pop takes the first key still wanted of the namespace whose turn it is. Unwanted keys
// are dropped, and don't cost their namespace its turn.
func (l *lane[K]) pop(wanted func(K) bool) (k K, found bool) {
	for !found {
		namespace, more := l.turns.pop()
		if !more {
			break
		}
		keys := l.keys[namespace]
		for !found && !keys.empty() {
			k, _ = keys.pop()
			found = wanted(k)
		}
		l.endTurn(namespace, keys)
	}
	return k, found
}

// endTurn sends a namespace to the end of the line, or forgets it if it has no keys left.
func (l *lane[K]) endTurn(namespace string, keys *fifo[K]) {
	if !keys.empty() {
		l.turns.push(namespace)
		return
	}
	delete(l.keys, namespace)
	if len(l.keys) == 0 {
		l.keys = nil
	}
}

// fifo is a first-in, first-out queue that gives its memory back as it empties.
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
	var none T
	v, f.out[0] = f.out[0], none
	if f.out = f.out[1:]; len(f.out) == 0 {
		f.out = nil
	}
	return v, true
}
