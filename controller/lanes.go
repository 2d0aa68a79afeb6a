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
//
// The work queue calls Touch, Push, Pop and Len under a lock of its own.
type lanes struct {
	lock sync.Mutex
	// slowly are the keys that were added for the slow lane and not popped since.
	slowly map[key]bool
	// queued says for each key in the queue whether it waits in the slow lane.
	queued map[key]bool
	fast   fifo[key]
	slow   map[string]*fifo[key]
	turns  fifo[string] // the namespaces of slow, next first
	pops   int
}

var _ workqueue.Queue[key] = (*lanes)(nil)

func newLanes() *lanes {
	return &lanes{slowly: map[key]bool{}, queued: map[key]bool{}, slow: map[string]*fifo[key]{}}
}

// slowDown sends a key through the slow lane when it is added next, unless it is already
// in the queue: there a change that was noticed keeps its place.
func (l *lanes) slowDown(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if _, queued := l.queued[k]; !queued {
		l.slowly[k] = true
	}
}

// speedUp sends a key through the fast lane when it is added next.
func (l *lanes) speedUp(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.slowly, k)
}

// Touch moves a key that is queued and was added again for the fast lane over to it.
func (l *lanes) Touch(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.queued[k] && !l.slowly[k] {
		l.queued[k] = false
		l.fast.push(k)
	}
}

// Push adds a key that is not in the queue.
func (l *lanes) Push(k key) {
	l.lock.Lock()
	defer l.lock.Unlock()
	slow := l.slowly[k]
	l.queued[k] = slow
	if !slow {
		l.fast.push(k)
		return
	}
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
	return len(l.queued)
}

// Pop takes the next key; the work queue calls it only while Len is more than 0.
func (l *lanes) Pop() key {
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
	delete(l.queued, k)
	delete(l.slowly, k)
	return k
}

func (l *lanes) popFast() (key, bool) { return l.fast.pop() }

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
		if l.queued[k] {
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
