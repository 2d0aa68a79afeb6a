package controller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// maxRemembered bounds the objects whose problems are remembered. Beyond it one of them is
// forgotten, and its problems, while they last, may be reported a second time.
const maxRemembered = 20000

// reporter remembers which problems each source has, so that each is reported once until it
// vanishes, and again when it comes back.
type reporter struct {
	lock    sync.Mutex
	sources map[key]map[problem.Problem]*appearance
	record  *recorder
	metrics *metrics
}

// appearance is a problem of an object, present or past.
type appearance struct {
	present bool
	times   int
}

func newReporter(record *recorder, metrics *metrics) *reporter {
	return &reporter{sources: map[key]map[problem.Problem]*appearance{}, record: record, metrics: metrics}
}

// report takes all the problems that a source has now, and sends those that are new. What is
// beyond the limit for one decision waits for the next.
func (r *reporter) report(k key, ref source.Ref, problems []problem.Problem, now time.Time) {
	r.lock.Lock()
	defer r.lock.Unlock()
	seen := r.sources[k]
	r.vanish(seen, problems)
	if len(problems) == 0 {
		return
	}
	if seen == nil {
		r.makeRoom()
		seen = map[problem.Problem]*appearance{}
		r.sources[k] = seen
	}
	sent := 0
	for _, p := range problems {
		a := seen[p]
		if a == nil {
			a = &appearance{}
			seen[p] = a
		}
		if a.present || sent == maxReported {
			continue
		}
		sent++
		a.present = !p.IsEvent() || r.record.warn(ref, p, a.times, now)
		if a.present {
			a.times++
			r.count(p, 1)
			r.record.log.Info("reported a problem", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name,
				"reason", p.Reason, "problem", p.Error())
		}
	}
}

// forget drops a source that is gone.
func (r *reporter) forget(k key) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.vanish(r.sources[k], nil)
	delete(r.sources, k)
}

// keys of the sources whose problems are remembered.
func (r *reporter) keys() []key {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Collect(maps.Keys(r.sources))
}

// vanish marks what was there and isn't among the problems any more.
func (r *reporter) vanish(seen map[problem.Problem]*appearance, problems []problem.Problem) {
	now := make(map[problem.Problem]bool, len(problems))
	for _, p := range problems {
		now[p] = true
	}
	for p, a := range seen {
		if a.present && !now[p] {
			a.present = false
			r.count(p, -1)
		}
		if !a.present && len(seen) > 2*maxReported {
			delete(seen, p)
		}
	}
}

func (r *reporter) count(p problem.Problem, change float64) {
	r.metrics.currentProblems.WithLabelValues(string(p.Reason), string(p.Severity)).Add(change)
	if p.Reason == problem.OtherShimActive {
		r.metrics.otherShim.Add(change)
	}
	if change > 0 {
		r.metrics.problems.WithLabelValues(string(p.Reason), string(p.Severity)).Inc()
	}
}

func (r *reporter) makeRoom() {
	if len(r.sources) < maxRemembered {
		return
	}
	for k, seen := range r.sources {
		r.vanish(seen, nil)
		delete(r.sources, k)
		return
	}
}
