package controller

import (
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

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
