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

// How long statements are valid, and how many are kept per resolver.
const (
	defaultTTL = 5 * time.Minute
	missingTTL = time.Minute
	failureTTL = 30 * time.Second
	// lastFailure is the longest pause after calls about one issuer that failed.
	lastFailure = 2 * time.Minute
	// maxStale is the age at which a statement that wasn't renewed is dropped.
	maxStale = time.Hour
	// overdue is how long an answer may take before an Event says so.
	overdue = 30 * time.Second
	// maxIssuers is the limit of entries; beyond it, the least recently used tenth is evicted.
	maxIssuers = 10_000
)

// cache holds the statements of one resolver about the issuers that are in use.
type cache struct {
	lock    sync.RWMutex
	entries map[resolver.IssuerKey]*entry
	// tick is a coarse clock for the last use of entries.
	tick    atomic.Int64
	evicted atomic.Int64
}

// entry is one issuer. [member.find] adds the finding's Fault, By and Hold.
type entry struct {
	statement resolver.Statement
	state     resolver.State
	// answered is the time of the statement, zero for none; wanted is the time of the first
	// miss.
	answered, missed time.Time
	overdue          bool
	// freshUntil is when the statement becomes stale, due when it is asked for again.
	freshUntil, due time.Time
	// failures counts the answers that were rejected, and calls about this issuer alone that failed,
	// since the last good one; fault is that of the latest.
	failures int
	fault    resolver.Fault
	used     atomic.Int64
}

func newCache() *cache { return &cache{entries: map[resolver.IssuerKey]*entry{}} }

// find returns the cached finding; false means that the issuer isn't in the cache.
func (c *cache) find(key resolver.IssuerKey) (resolver.Finding, bool) {
	c.lock.RLock()
	defer c.lock.RUnlock()
	e := c.entries[key]
	if e == nil {
		return resolver.Finding{State: resolver.Never}, false
	}
	e.used.Store(c.tick.Load())
	return resolver.Finding{Statement: e.statement, State: e.state, Fault: e.fault, Overdue: e.overdue}, true
}

// add adds an issuer; it returns false if the cache has it already.
func (c *cache) add(key resolver.IssuerKey, now time.Time) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.entries[key] != nil {
		return false
	}
	if len(c.entries) >= maxIssuers {
		c.evict()
	}
	e := &entry{state: resolver.Never, missed: now, due: now.Add(failureTTL)}
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

// put stores a statement; it returns true if the finding changed.
func (c *cache) put(key resolver.IssuerKey, s resolver.Statement, now time.Time, spread float64) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	e := c.entries[key]
	if e == nil {
		return false
	}
	ttl := lifetime(s)
	changed := e.state == resolver.Never || !same(e.statement, s)
	e.statement, e.state, e.answered, e.overdue = s, resolver.Fresh, now, false
	e.failures, e.fault = 0, resolver.NoFault
	e.freshUntil, e.due = now.Add(ttl), now.Add(time.Duration(float64(ttl)*spread))
	return changed
}

// lifetime returns how long a statement is valid.
func lifetime(s resolver.Statement) time.Duration {
	ttl := cmp.Or(s.TTL, defaultTTL)
	if s.Existence == resolver.Missing {
		ttl = min(ttl, missingTTL)
	}
	return min(max(ttl, resolver.MinTTL), resolver.MaxTTL)
}

// same reports whether two statements are equal, whatever their TTL.
func same(a, b resolver.Statement) bool {
	a.TTL, b.TTL = 0, 0
	return reflect.DeepEqual(a, b)
}

// postpone asks again at the given time, after a failure. The cached statement is kept.
func (c *cache) postpone(key resolver.IssuerKey, at time.Time) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if e := c.entries[key]; e != nil {
		e.due = at
	}
}

// failed keeps the cached statement of an issuer about which no answer can be used, and puts off
// the next question: for longer after each further one.
func (c *cache) failed(key resolver.IssuerKey, fault resolver.Fault, now time.Time) {
	c.lock.Lock()
	defer c.lock.Unlock()
	e := c.entries[key]
	if e == nil {
		return
	}
	first, last := failureTTL, lastFailure
	if fault == resolver.Rejected {
		first, last = firstRejection, lastRejection
	}
	e.due = now.Add(min(first<<min(e.failures, 10), last))
	e.failures, e.fault = e.failures+1, fault
}

// denied is failed for an issuer that the plugin calls missing although the cluster has it. If the
// cached statement says missing as well, it is dropped, and denied returns true.
func (c *cache) denied(key resolver.IssuerKey, now time.Time) bool {
	c.failed(key, resolver.Denied, now)
	c.lock.Lock()
	defer c.lock.Unlock()
	e := c.entries[key]
	if e == nil || e.statement.Existence != resolver.Missing {
		return false
	}
	e.statement, e.state, e.missed = resolver.Statement{}, resolver.Never, now
	return true
}

// apart divides issuers into batches: one about which no answer could be used is asked about
// alone.
func (c *cache) apart(keys []resolver.IssuerKey) [][]resolver.IssuerKey {
	c.lock.RLock()
	defer c.lock.RUnlock()
	var sound []resolver.IssuerKey
	var parts [][]resolver.IssuerKey
	for _, key := range keys {
		if e := c.entries[key]; e != nil && e.failures > 0 {
			parts = append(parts, []resolver.IssuerKey{key})
			continue
		}
		sound = append(sound, key)
	}
	if len(sound) > 0 {
		parts = slices.Insert(parts, 0, sound)
	}
	return parts
}

// rejected counts the issuers whose last answer was rejected.
func (c *cache) rejected() int {
	c.lock.RLock()
	defer c.lock.RUnlock()
	n := 0
	for _, e := range c.entries {
		if e.fault == resolver.Rejected {
			n++
		}
	}
	return n
}

// markStale marks the matching findings as stale, and returns their keys, the oldest first.
func (c *cache) markStale(concerns func(resolver.IssuerKey) bool) []resolver.IssuerKey {
	c.lock.Lock()
	defer c.lock.Unlock()
	var found []resolver.IssuerKey
	for key, e := range c.entries {
		if concerns(key) {
			e.markStale()
			found = append(found, key)
		}
	}
	slices.SortFunc(found, func(a, b resolver.IssuerKey) int {
		return c.entries[a].answered.Compare(c.entries[b].answered)
	})
	return found
}

// markTheseStale marks the findings of the given issuers as stale, and returns those in the cache.
func (c *cache) markTheseStale(keys []resolver.IssuerKey) []resolver.IssuerKey {
	c.lock.Lock()
	defer c.lock.Unlock()
	var found []resolver.IssuerKey
	for _, key := range keys {
		if e := c.entries[key]; e != nil {
			e.markStale()
			found = append(found, key)
		}
	}
	return found
}

func (e *entry) markStale() {
	if e.state == resolver.Fresh {
		e.state = resolver.Stale
	}
}

// sweep checks all entries: it returns those to ask for again, and those whose finding changed
// through the passage of time, by becoming too old or overdue.
func (c *cache) sweep(now time.Time) (due, changed []resolver.IssuerKey) {
	c.tick.Add(1)
	c.lock.Lock()
	defer c.lock.Unlock()
	for key, e := range c.entries {
		if e.state == resolver.Fresh && now.After(e.freshUntil) {
			e.state = resolver.Stale
		}
		if e.state == resolver.Stale && now.Sub(e.answered) > maxStale {
			e.statement, e.state, e.missed = resolver.Statement{}, resolver.Never, now
			changed = append(changed, key)
		}
		if e.state == resolver.Never && !e.overdue && now.Sub(e.missed) > overdue {
			e.overdue = true
			changed = append(changed, key)
		}
		if !now.Before(e.due) {
			e.due = now.Add(failureTTL)
			due = append(due, key)
		}
	}
	return due, changed
}

// count returns the number of entries per state, and the time of the oldest statement.
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
