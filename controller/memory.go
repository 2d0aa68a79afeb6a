package controller

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
)

const (
	// settling is how long a problem must last before it is reported, if its reason says that it may
	// be true for a moment only.
	settling = 2 * time.Second
	// maxReported is how many problems of an object are Events; one more sums up the rest.
	maxReported = 10
	// maxKnown is how many problems of an object are known one by one. Those beyond are counted.
	maxKnown = 64
	// maxPast is how many past problems of an object are remembered.
	maxPast = 20
)

// memory is what is remembered of the problems of a source. It holds none of their text, so that
// its size doesn't depend on the size of the object.
type memory struct {
	known []remembered
	// beyond is the number of problems beyond maxKnown.
	beyond int
	// counted is how many problems of the source are in the gauge.
	counted map[class]int
	// news is the number of problems that the last look found for the first time.
	news map[class]int
}

// class is what problems are counted by.
type class struct {
	reason   problem.Reason
	severity problem.Severity
}

func classOf(p problem.Problem) class { return class{p.Reason, p.Severity} }

// remembered is a problem of an object, present or past.
type remembered struct {
	id    uint64
	class class
	// since is when it was seen first.
	since time.Time
	// present: it is there, and was so at the look before. stays: it is an answer of the API server
	// to an earlier try.
	present, was, stays bool
	// settled: it has lasted long enough to be told.
	settled bool
	// told: its Event was sent, or is waiting for that.
	told, logged bool
	// times that it was told, and tries that failed since.
	times, tries uint8
}

// identity is the hash of a problem's identity.
func identity(p problem.Problem) uint64 {
	h := fnv.New64a()
	h.Write([]byte(p.Identity()))
	return h.Sum64()
}

// find gives what is known of a problem, or nil. It holds until the next problem is noted.
func (m *memory) find(id uint64) *remembered {
	if m == nil {
		return nil
	}
	at := slices.IndexFunc(m.known, func(r remembered) bool { return r.id == id })
	if at < 0 {
		return nil
	}
	return &m.known[at]
}

// isTelling reports whether a problem is there whose Event is on its way.
func (m *memory) isTelling(id uint64) bool {
	r := m.find(id)
	return r != nil && r.present && r.told
}

// see takes what a look has found. It returns the problems that have lasted long enough to count,
// those of them to be reported, and the time after which the next one will have lasted long enough.
func (m *memory) see(f found, patience time.Duration, now time.Time) (settled, told []problem.Problem, after time.Duration) {
	m.news = map[class]int{}
	for i := range m.known {
		m.known[i].was, m.known[i].present, m.known[i].stays = m.known[i].present, false, false
	}
	one := f.problems[:min(len(f.problems), maxKnown)]
	for _, p := range one {
		known := m.note(p, now)
		if wait := known.settlesIn(patience, now); wait > 0 {
			after = sooner(after, wait)
			continue
		}
		settled = append(settled, p)
		if !known.settled {
			known.settled = true
			m.news[known.class]++
		}
	}
	settled = append(settled, m.seeBeyond(f.problems[len(one):])...)
	told = toTell(settled)
	for _, p := range told {
		m.note(p, now) // a summary, or one of those beyond
	}
	m.leave(f.held)
	return settled, told, after
}

// note notes that a problem is there.
func (m *memory) note(p problem.Problem, now time.Time) *remembered {
	id := identity(p)
	known := m.find(id)
	if known == nil {
		m.known = append(m.known, remembered{id: id, class: classOf(p)})
		known = &m.known[len(m.known)-1]
	}
	if !known.was && !known.present {
		known.since = now
	}
	known.present = true
	return known
}

// settlesIn is the time after which a problem is to be told; 0 is now.
func (r *remembered) settlesIn(patience time.Duration, now time.Time) time.Duration {
	if r.settled || !r.class.reason.Settles() {
		return 0
	}
	return max(r.since.Add(patience).Sub(now), 0)
}

// seeBeyond counts problems without knowing which they are.
func (m *memory) seeBeyond(problems []problem.Problem) []problem.Problem {
	for i := m.beyond; i < len(problems); i++ {
		m.news[classOf(problems[i])]++
	}
	m.beyond = len(problems)
	return problems
}

// leave marks the problems that are gone, and forgets past ones beyond maxPast. Answers of the API
// server stay while held, as it wasn't asked again.
func (m *memory) leave(held bool) {
	past := 0
	for i := len(m.known) - 1; i >= 0; i-- {
		r := &m.known[i]
		if r.present {
			continue
		}
		if r.was && held && r.class.reason.Answered() {
			r.present, r.stays = true, true
			continue
		}
		r.settled, r.told, r.logged = false, false, false
		if past++; past > maxPast || r.times == 0 {
			m.known = slices.Delete(m.known, i, i+1)
		}
	}
}

// tally counts the problems that are there: those that were seen, and what stays.
func (m *memory) tally(seen []problem.Problem) map[class]int {
	var all map[class]int
	add := func(c class) {
		if all == nil {
			all = map[class]int{}
		}
		all[c]++
	}
	for _, p := range seen {
		add(classOf(p))
	}
	for _, r := range m.known {
		if r.stays {
			add(r.class)
		}
	}
	return all
}

// toTell returns the problems that become Events. If there are more than maxReported, and not just
// one more, a summary stands for the rest.
func toTell(settled []problem.Problem) []problem.Problem {
	events := slices.DeleteFunc(slices.Clone(settled), func(p problem.Problem) bool { return !p.IsEvent() })
	if len(events) <= maxReported+1 {
		return events
	}
	return append(events[:maxReported:maxReported], summary(events[maxReported:]))
}

// summary is one problem for many, which are sorted, the worst first.
func summary(rest []problem.Problem) problem.Problem {
	counts := map[problem.Reason]int{}
	var order []problem.Reason
	for _, p := range rest {
		if counts[p.Reason]++; counts[p.Reason] == 1 {
			order = append(order, p.Reason)
		}
	}
	parts := make([]string, len(order))
	for i, reason := range order {
		parts[i] = fmt.Sprintf("%d %s", counts[reason], reason)
	}
	return problem.Problem{
		Severity: rest[0].Severity, Reason: rest[0].Reason,
		Message: fmt.Sprintf("and %d more: %s; certshim plan lists them all", len(rest), strings.Join(parts, ", ")),
	}
}

// sooner returns the shorter of two durations, where 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
