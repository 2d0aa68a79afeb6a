package controller

import (
	"sync"

	"k8s.io/client-go/util/workqueue"
)

// slowTurn makes every eighth pop prefer the slow lane, so that changes can't starve it.
const slowTurn = 8

// lanes is the order of the work queue. Changes, which are sped up, go through the fast lane;
// first lists and retries go through the slow one. Within each lane the namespaces take turns.
// So a change never waits behind the ten thousand objects of a start, nor one tenant behind
// another.
type lanes[K comparable] struct {
	namespace func(K) string

	lock   sync.Mutex
	places map[K]place
	queued int
	fast   lane[K]
	slow   lane[K]
	pops   int
}

// place says what is known of a key. One that waits in the slow lane, as all of a start do, has
// none, and neither has one outside the queue.
type place uint8

const (
	// hurried: it goes to the fast lane when it is pushed or touched.
	hurried place = 1 << iota
	// inFastLane: it waits there.
	inFastLane
	// overtaken: its entry in the slow lane doesn't count, for it went ahead in the fast one.
	overtaken
)

func newLanes[K comparable](namespace func(K) string) *lanes[K] {
	return &lanes[K]{namespace: namespace, places: map[K]place{}}
}

// speedUp sends a key through the fast lane the next time it is pushed or touched.
func (l *lanes[K]) speedUp(k K) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.places[k] |= hurried
}

// Push adds a key that is not in the queue.
func (l *lanes[K]) Push(k K) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.queued++
	switch p := l.places[k]; {
	case p&hurried != 0:
		l.hurry(k, p)
	case p&overtaken != 0:
		// Its entry in the slow lane counts again.
		delete(l.places, k)
	default:
		l.slow.push(l.namespace(k), k)
	}
}

// Touch moves a key that waits in the slow lane to the fast one, if it is to go there.
func (l *lanes[K]) Touch(k K) {
	l.lock.Lock()
	defer l.lock.Unlock()
	switch p := l.places[k]; {
	case p&inFastLane != 0:
		l.places[k] = p &^ hurried
	case p&hurried != 0:
		l.hurry(k, p|overtaken)
	}
}

func (l *lanes[K]) hurry(k K, p place) {
	l.places[k] = p&^hurried | inFastLane
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
	return k
}

func (l *lanes[K]) popFast() (K, bool) {
	k, found := l.fast.pop(func(K) bool { return true })
	if found {
		l.mark(k, l.places[k]&^inFastLane)
	}
	return k, found
}

func (l *lanes[K]) popSlow() (K, bool) {
	return l.slow.pop(func(k K) bool {
		p := l.places[k]
		if p&overtaken != 0 {
			l.mark(k, p&^overtaken)
		}
		return p&overtaken == 0
	})
}

// mark notes the place of a key.
func (l *lanes[K]) mark(k K, p place) {
	if p != 0 {
		l.places[k] = p
		return
	}
	if delete(l.places, k); len(l.places) == 0 {
		// A map never shrinks: give back the size that many changes needed.
		l.places = map[K]place{}
	}
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

// dropLast takes out the key of a namespace that came last.
func (l *lane[K]) dropLast(namespace string) (k K, found bool) {
	keys := l.keys[namespace]
	if keys == nil {
		return k, false
	}
	return keys.dropLast()
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

// dropLast takes out the one that came last.
func (f *fifo[T]) dropLast() (v T, found bool) {
	from := &f.in
	if len(*from) == 0 {
		from = &f.out
	}
	last := len(*from) - 1
	if last < 0 {
		return v, false
	}
	var none T
	v, (*from)[last] = (*from)[last], none
	*from = (*from)[:last]
	return v, true
}

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
