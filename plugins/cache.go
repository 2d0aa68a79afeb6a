package plugins

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/certshim/certshim/resolver"
)

// How long statements hold, and how many are kept for a resolver.
const (
	defaultTTL = 5 * time.Minute
	missingTTL = time.Minute
	failureTTL = 30 * time.Second
	// maxStale is the age at which an unrenewed statement no longer counts.
	maxStale = time.Hour
	// overdue is how long an answer may take before people hear of it.
	overdue = 30 * time.Second
	// maxIssuers are kept; beyond it the least recently used tenth goes.
	maxIssuers = 10_000
)

// cache is what one resolver said of each issuer that somebody asked for.
type cache struct {
	lock    sync.RWMutex
	entries map[resolver.IssuerKey]*entry
	// tick is a coarse clock for what was used when.
	tick    atomic.Int64
	evicted atomic.Int64
}

// entry is one issuer. The finding's Fault, By and Hold are filled in by [member.find].
type entry struct {
	statement resolver.Statement
	state     resolver.State
	// answered is when the statement was given, zero for none; wanted when it was missed first.
	answered, wanted time.Time
	overdue          bool
	// freshUntil and due are when it turns stale, and when it is asked for again.
	freshUntil, due time.Time
	used            atomic.Int64
}

func newCache() *cache { return &cache{entries: map[resolver.IssuerKey]*entry{}} }

// find gives what is known; false means that nobody asked before.
func (c *cache) find(key resolver.IssuerKey) (resolver.Finding, bool) {
	c.lock.RLock()
	defer c.lock.RUnlock()
	e := c.entries[key]
	if e == nil {
		return resolver.Finding{State: resolver.Never}, false
	}
	e.used.Store(c.tick.Load())
	return resolver.Finding{Statement: e.statement, State: e.state, Overdue: e.overdue}, true
}

// want remembers that an issuer is in use; it is false where that was known.
func (c *cache) want(key resolver.IssuerKey, now time.Time) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.entries[key] != nil {
		return false
	}
	if len(c.entries) >= maxIssuers {
		c.evict()
	}
	e := &entry{state: resolver.Never, wanted: now, due: now.Add(failureTTL)}
	e.used.Store(c.tick.Load())
	c.entries[key] = e
	return true
}

func (c *cache) evict() {
	keys := slices.SortedFunc(maps.Keys(c.entries), func(a, b resolver.IssuerKey) int {
		return cmp.Compare(c.entries[a].used.Load(), c.entries[b].used.Load())
	})
	for _, key := range keys[:maxIssuers/10] {
		delete(c.entries, key)
		c.evicted.Add(1)
	}
}

// put takes a statement; it is true if something else is known now than before.
func (c *cache) put(key resolver.IssuerKey, s resolver.Statement, now time.Time, spread float64) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	e := c.entries[key]
	if e == nil {
		return false
	}
	ttl := lifetime(s)
	news := e.state == resolver.Never || !same(e.statement, s)
	e.statement, e.state, e.answered, e.overdue = s, resolver.Fresh, now, false
	e.freshUntil, e.due = now.Add(ttl), now.Add(time.Duration(float64(ttl)*spread))
	return news
}

// lifetime is how long a statement holds.
func lifetime(s resolver.Statement) time.Duration {
	ttl := cmp.Or(s.TTL, defaultTTL)
	if s.Existence == resolver.Missing {
		ttl = min(ttl, missingTTL)
	}
	return min(max(ttl, resolver.MinTTL), resolver.MaxTTL)
}

// same says that two statements mean the same; how long they hold doesn't count.
func same(a, b resolver.Statement) bool {
	a.TTL, b.TTL = 0, 0
	return reflect.DeepEqual(a, b)
}

// postpone asks again later for an issuer of which nothing could be told; what is known
// of it stays.
func (c *cache) postpone(key resolver.IssuerKey, at time.Time) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if e := c.entries[key]; e != nil {
		e.due = at
	}
}

// doubt marks what is known of issuers as stale. Those that nobody asked for are left out
// of what it gives.
func (c *cache) doubt(concerns func(resolver.IssuerKey) bool) []resolver.IssuerKey {
	c.lock.Lock()
	defer c.lock.Unlock()
	var found []resolver.IssuerKey
	for key, e := range c.entries {
		if concerns(key) {
			e.doubt()
			found = append(found, key)
		}
	}
	slices.SortFunc(found, func(a, b resolver.IssuerKey) int {
		return c.entries[a].answered.Compare(c.entries[b].answered)
	})
	return found
}

// doubtThese is doubt for a few issuers.
func (c *cache) doubtThese(keys []resolver.IssuerKey) []resolver.IssuerKey {
	c.lock.Lock()
	defer c.lock.Unlock()
	var found []resolver.IssuerKey
	for _, key := range keys {
		if e := c.entries[key]; e != nil {
			e.doubt()
			found = append(found, key)
		}
	}
	return found
}

func (e *entry) doubt() {
	if e.state == resolver.Fresh {
		e.state = resolver.Stale
	}
}

// sweep looks at every entry: it gives those to ask for again, and those of which something else
// is known by the time alone: the statement is too old to count, or overdue.
func (c *cache) sweep(now time.Time) (due, news []resolver.IssuerKey) {
	c.tick.Add(1)
	c.lock.Lock()
	defer c.lock.Unlock()
	for key, e := range c.entries {
		if e.state == resolver.Fresh && now.After(e.freshUntil) {
			e.state = resolver.Stale
		}
		if e.state == resolver.Stale && now.Sub(e.answered) > maxStale {
			e.statement, e.state, e.wanted = resolver.Statement{}, resolver.Never, now
			news = append(news, key)
		}
		if e.state == resolver.Never && !e.overdue && now.Sub(e.wanted) > overdue {
			e.overdue = true
			news = append(news, key)
		}
		if !now.Before(e.due) {
			e.due = now.Add(failureTTL)
			due = append(due, key)
		}
	}
	return due, news
}

// count gives how many entries are in each state, and when the oldest statement was given.
func (c *cache) count() (states map[resolver.State]int, oldest time.Time) {
	c.lock.RLock()
	defer c.lock.RUnlock()
	states = map[resolver.State]int{}
	for _, e := range c.entries {
		states[e.state]++
		if !e.answered.IsZero() && (oldest.IsZero() || e.answered.Before(oldest)) {
			oldest = e.answered
		}
	}
	return states, oldest
}
