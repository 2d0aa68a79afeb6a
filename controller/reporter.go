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
// forgotten, and its problems, while they last, may be told a second time.
const maxRemembered = 20000

// told remembers which problems each source has, so that each is told once until it
// vanishes, and again when it comes back.
type told struct {
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

func newTold(record *recorder, metrics *metrics) *told {
	return &told{sources: map[key]map[problem.Problem]*appearance{}, record: record, metrics: metrics}
}

// tell takes all the problems that a source has now, and sends those that are new. What is
// beyond the limit for one decision waits for the next.
func (t *told) tell(k key, ref source.Ref, problems []problem.Problem, now time.Time) {
	t.lock.Lock()
	defer t.lock.Unlock()
	seen := t.sources[k]
	t.vanish(seen, problems)
	if len(problems) == 0 {
		return
	}
	if seen == nil {
		t.makeRoom()
		seen = map[problem.Problem]*appearance{}
		t.sources[k] = seen
	}
	sent := 0
	for _, p := range problems {
		a := seen[p]
		if a == nil {
			a = &appearance{}
			seen[p] = a
		}
		if a.present || sent == maxTold {
			continue
		}
		sent++
		a.present = t.record.warn(ref, p, a.times, now)
		if a.present {
			a.times++
			t.count(p, 1)
			t.record.log.Info("told a problem", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name,
				"reason", p.Reason, "problem", p.Error())
		}
	}
}

// forget drops a source that is gone.
func (t *told) forget(k key) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.vanish(t.sources[k], nil)
	delete(t.sources, k)
}

// keys of the sources whose problems are remembered.
func (t *told) keys() []key {
	t.lock.Lock()
	defer t.lock.Unlock()
	return slices.Collect(maps.Keys(t.sources))
}

// vanish marks what was there and isn't among the problems any more.
func (t *told) vanish(seen map[problem.Problem]*appearance, problems []problem.Problem) {
	now := make(map[problem.Problem]bool, len(problems))
	for _, p := range problems {
		now[p] = true
	}
	for p, a := range seen {
		if a.present && !now[p] {
			a.present = false
			t.count(p, -1)
		}
		if !a.present && len(seen) > 2*maxTold {
			delete(seen, p)
		}
	}
}

func (t *told) count(p problem.Problem, change float64) {
	t.metrics.currentProblems.WithLabelValues(string(p.Reason), string(p.Severity)).Add(change)
	if p.Reason == problem.OtherShimActive {
		t.metrics.otherShim.Add(change)
	}
	if change > 0 {
		t.metrics.problems.WithLabelValues(string(p.Reason), string(p.Severity)).Inc()
	}
}

func (t *told) makeRoom() {
	if len(t.sources) < maxRemembered {
		return
	}
	for k, seen := range t.sources {
		t.vanish(seen, nil)
		delete(t.sources, k)
		return
	}
}
