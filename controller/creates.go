package controller

import (
	"hash/maphash"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/source"
)

// A Certificate that vanishes within vanishing after it was made is made again at once the first
// time, then after firstRemake, which doubles to longestRemake.
const (
	vanishing     = time.Minute
	firstRemake   = 2 * time.Second
	longestRemake = 5 * time.Minute
	// maxMade bounds the Certificates that are remembered as just made. One that is forgotten would
	// be made again at once.
	maxMade = 20000
)

// listPause is how long a source waits after its kind can be watched again, for the list to arrive.
const listPause = time.Second

// creates holds back creates for sources that may be gone. The garbage collector would remove the
// Certificate, the watch would show that, it would be created again, and so on. While the kind of
// the source can't be watched, nothing is created. Whatever else causes such a loop, each round
// waits longer.
type creates struct {
	lock sync.Mutex
	seed maphash.Seed
	by   map[uint64]made
	// refused has, by kind, the namespaces in which it can't be watched, "" being all.
	refused map[source.GroupKind]map[string]bool
	// held are the sources that wait until their kind can be watched.
	held map[key]bool
}

// made is a Certificate that this process has made.
type made struct {
	at time.Time
	// due is when it may be made again; zero while it isn't known to have vanished.
	due time.Time
	// delay before it is made again the next time.
	delay time.Duration
}

func newCreates() *creates {
	return &creates{
		seed: maphash.MakeSeed(), by: map[uint64]made{},
		refused: map[source.GroupKind]map[string]bool{}, held: map[key]bool{},
	}
}

// of returns the identity of a Certificate of a source.
func (c *creates) of(uid string, name types.NamespacedName) uint64 {
	return maphash.String(c.seed, uid+"/"+name.String())
}

// wait returns how long the Certificate must not be made yet for the source with that uid.
func (c *creates) wait(uid string, name types.NamespacedName, now time.Time) time.Duration {
	c.lock.Lock()
	defer c.lock.Unlock()
	id := c.of(uid, name)
	m, known := c.by[id]
	switch {
	case !known:
		return 0
	case m.over(now):
		delete(c.by, id)
		return 0
	case m.due.IsZero():
		m.due = now.Add(m.delay)
		m.delay = min(max(2*m.delay, firstRemake), longestRemake)
		c.by[id] = m
	}
	return max(0, m.due.Sub(now))
}

// made notes that a Certificate was made for the source with that uid.
func (c *creates) made(uid string, name types.NamespacedName, now time.Time) {
	c.lock.Lock()
	defer c.lock.Unlock()
	makeRoom(c.by, maxMade, func(m made) bool { return m.over(now) })
	id := c.of(uid, name)
	c.by[id] = made{at: now, delay: c.by[id].delay}
}

// over reports whether it can be forgotten: the Certificate has lasted, or nobody wanted it again.
func (m made) over(now time.Time) bool {
	if m.due.IsZero() {
		return now.Sub(m.at) >= vanishing
	}
	return now.Sub(m.due) >= vanishing
}

// makeRoom deletes entries that are over if there are too many, and then others, until a quarter is
// free.
func makeRoom[K comparable, V any](remembered map[K]V, most int, over func(V) bool) {
	if len(remembered) < most {
		return
	}
	maps.DeleteFunc(remembered, func(_ K, v V) bool { return over(v) })
	for k := range remembered {
		if len(remembered) < most*3/4 {
			return
		}
		delete(remembered, k)
	}
}

// blocked says whether a source is of a kind that can't be watched in its namespace now. If so,
// it is held until that can be watched again.
func (c *creates) blocked(k key) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.isRefused(k) {
		return false
	}
	c.held[k] = true
	return true
}

func (c *creates) isRefused(k key) bool {
	refused := c.refused[k.Kind()]
	return refused[""] || refused[k.Namespace()]
}

// feedChanged takes the status of a feed, and gives the sources that are held no longer.
func (c *creates) feedChanged(status cluster.Status) (released []key) {
	c.lock.Lock()
	defer c.lock.Unlock()
	kind := source.GroupKind(status.Kind)
	delete(c.refused, kind)
	if len(status.Refused) > 0 && !status.Ended {
		refused := make(map[string]bool, len(status.Refused))
		for namespace := range status.Refused {
			refused[namespace] = true
		}
		c.refused[kind] = refused
	}
	for k := range c.held {
		if !c.isRefused(k) {
			released = append(released, k)
			delete(c.held, k)
		}
	}
	return released
}
