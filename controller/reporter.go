package controller

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

const (
	// endingFor is how long nothing is told of a namespace that refused something because it is
	// being deleted.
	endingFor = time.Minute
	// maxAsked is how many sources with dropped notices are queued at once.
	maxAsked = 500
	// longestPatience is the longest time until an Event that failed is tried again.
	longestPatience = 64 * time.Second
)

// reporter tells each problem of a source once until it vanishes, and again when it comes back.
type reporter struct {
	lock    sync.Mutex
	sources map[key]*memory
	// missed are the sources with dropped notices that are still to be sent.
	missed map[key]bool
	// ending are the namespaces that are being deleted, and until when that is assumed.
	ending map[string]time.Time
	// patience is how long a problem must last that may be true for a moment only; see settling.
	patience time.Duration
	record   *recorder
	metrics  *metrics
	log      *slog.Logger
	// again has a source looked at after a delay.
	again func(key, time.Duration)
}

func newReporter(record *recorder, metrics *metrics, again func(key, time.Duration)) *reporter {
	r := &reporter{
		sources: map[key]*memory{}, missed: map[key]bool{}, ending: map[string]time.Time{}, patience: settling,
		record: record, metrics: metrics, log: record.log, again: again,
	}
	record.answered = r.answered
	record.dropped = func(dropped []letter) {
		r.lock.Lock()
		defer r.lock.Unlock()
		r.miss(dropped)
	}
	return r
}

// found is what a look at a source has found.
type found struct {
	source   source.Ref
	problems []problem.Problem
	// held says that a write was held back or is to be tried again, so that what the API server
	// answered before still counts.
	held bool
	// leaving says that the source or its namespace is being deleted, so that nothing of it is told.
	leaving bool
}

// report takes all the problems that a source has now, and tells those that are new. It gives the
// time after which the source must be looked at again, or 0.
func (r *reporter) report(k key, f found, now time.Time) time.Duration {
	r.lock.Lock()
	defer r.lock.Unlock()
	var ending time.Duration
	if len(f.problems) > 0 {
		ending = r.endingFor(k.Namespace(), now)
	}
	if f.leaving || ending > 0 {
		f.problems, f.held = nil, false
	}
	m := r.sources[k]
	if m == nil {
		if len(f.problems) == 0 {
			return ending
		}
		m = &memory{}
		r.sources[k] = m
	}
	seen, told, after := m.see(f, r.patience, now)
	r.count(m, seen)
	r.tell(k, f.source, m, told, now)
	if len(m.known) == 0 {
		delete(r.sources, k)
	}
	return max(after, ending)
}

// endingFor is how long a namespace still counts as being deleted.
func (r *reporter) endingFor(namespace string, now time.Time) time.Duration {
	until, ends := r.ending[namespace]
	if ends && !now.Before(until) {
		delete(r.ending, namespace)
		return 0
	}
	return max(until.Sub(now), 0)
}

// ends notes that a namespace is being deleted.
func (r *reporter) ends(namespace string, now time.Time) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.ending[namespace] = now.Add(endingFor)
}

// tell puts what is new into the line, and takes out what waits there and isn't so any more.
func (r *reporter) tell(k key, ref source.Ref, m *memory, told []problem.Problem, now time.Time) {
	ref = cloned(ref)
	var notices []notice
	for _, p := range told {
		known := m.find(identity(p))
		if known.told {
			continue
		}
		known.told = true
		notices = append(notices, newNotice(ref, p, known, now))
		if !known.logged {
			known.logged = true
			logProblem(r.log, ref, p)
		}
	}
	delete(r.missed, k)
	r.miss(r.record.warnings.put(k, ref, func(n notice) bool { return n.problem == 0 || m.isTelling(n.problem) }, notices...))
}

// logProblem is the line of the log about a problem that is told.
func logProblem(log *slog.Logger, ref source.Ref, p problem.Problem) {
	log.Info("reported a problem", "source", ref.Kind, "namespace", ref.Namespace, "name", ref.Name,
		"reason", p.Reason, "problem", p.Error())
}

// miss notes what was dropped, to be told later.
func (r *reporter) miss(dropped []letter) {
	r.record.countDropped(dropped)
	for _, l := range dropped {
		if r.untold(l) != nil {
			r.missed[l.key] = true
		}
	}
}

// untold marks a problem as not reported yet. It returns nil if the problem is forgotten.
func (r *reporter) untold(l letter) *remembered {
	known := r.sources[l.key].find(l.problem)
	if known != nil {
		known.told = false
	}
	return known
}

// answered takes the result of an Event. If it failed, its source is looked at again, which reports
// the problem again if it still exists; so are sources with dropped notices, once there is room.
func (r *reporter) answered(l letter, result string, again bool, now time.Time) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if result == eventTerminating {
		r.ending[l.key.Namespace()] = now.Add(endingFor)
	}
	if again {
		if known := r.untold(l); known != nil {
			r.again(l.key, min(time.Second<<known.tries, longestPatience))
			known.tries = min(known.tries+1, 6)
		}
	} else if known := r.sources[l.key].find(l.problem); known != nil {
		known.tries, known.times = 0, min(known.times, 100)+1
	}
	r.askAgain()
}

// askAgain queues sources with dropped notices once there is room in the line.
func (r *reporter) askAgain() {
	if len(r.missed) == 0 || !r.record.warnings.hasRoom() {
		return
	}
	asked := 0
	for k := range r.missed {
		delete(r.missed, k)
		r.again(k, 0)
		if asked++; asked == maxAsked {
			return
		}
	}
}

// forget drops a source that is gone.
func (r *reporter) forget(k key) {
	r.lock.Lock()
	defer r.lock.Unlock()
	m := r.sources[k]
	if m == nil {
		return
	}
	m.known, m.beyond = nil, 0
	r.count(m, nil)
	delete(r.sources, k)
	delete(r.missed, k)
	r.record.warnings.put(k, source.Ref{}, func(notice) bool { return false })
}

// keys of the sources whose problems are remembered.
func (r *reporter) keys() []key {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Collect(maps.Keys(r.sources))
}

// count brings the metrics in line with the problems that a source has now.
func (r *reporter) count(m *memory, seen []problem.Problem) {
	now := m.tally(seen)
	for class, n := range now {
		r.metrics.problems.WithLabelValues(string(class.reason), string(class.severity)).Add(float64(m.news[class]))
		r.change(class, n-m.counted[class])
	}
	for class, n := range m.counted {
		if _, still := now[class]; !still {
			r.change(class, -n)
		}
	}
	m.counted, m.news = now, nil
}

func (r *reporter) change(of class, by int) {
	r.metrics.currentProblems.WithLabelValues(string(of.reason), string(of.severity)).Add(float64(by))
	switch of.reason {
	case problem.OtherShimActive:
		r.metrics.otherShim.Add(float64(by))
	case problem.FieldContested:
		r.metrics.contested.Add(float64(by))
	default:
	}
}
