package controller

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// waiting counts the sources whose new Certificates wait for the first answer of a resolver.
type waiting struct {
	lock  sync.Mutex
	by    map[key]string
	gauge *prometheus.GaugeVec
}

func newWaiting(gauge *prometheus.GaugeVec) *waiting {
	return &waiting{by: map[key]string{}, gauge: gauge}
}

// set notes the resolver that a source waits for, "" for none.
func (w *waiting) set(k key, by string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	was := w.by[k]
	if was == by {
		return
	}
	delete(w.by, k)
	if was != "" {
		w.gauge.WithLabelValues(bareName(was)).Dec()
	}
	if by != "" {
		w.by[k] = by
		w.gauge.WithLabelValues(bareName(by)).Inc()
	}
}

// keys of the sources that wait.
func (w *waiting) keys() []key {
	w.lock.Lock()
	defer w.lock.Unlock()
	return slices.Collect(maps.Keys(w.by))
}

// mostLarge is how many large sources are worked on at once.
const mostLarge = 4

// gate lets few of the large sources in at once, since each takes megabytes while it is worked on.
// The others wait in a line in which namespaces take turns, without keeping a worker.
type gate struct {
	lock sync.Mutex
	// in has those that are in, and those for which a place is kept.
	in      map[key]bool
	line    *lanes[key]
	waiting map[key]bool
}

func newGate() *gate {
	return &gate{in: map[key]bool{}, line: newLanes(key.Namespace), waiting: map[key]bool{}}
}

// enter says whether a source has a place. One that hasn't waits in the line.
func (g *gate) enter(k key) bool {
	g.lock.Lock()
	defer g.lock.Unlock()
	switch {
	case g.in[k]:
	case len(g.in) < mostLarge:
		g.in[k] = true
	default:
		if !g.waiting[k] {
			g.waiting[k] = true
			g.line.Push(k)
		}
		return false
	}
	return true
}

// leave gives the place of a source, if it has one, to the next in line, which has to be looked at.
func (g *gate) leave(k key) (next key, found bool) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if !g.in[k] {
		return next, false
	}
	delete(g.in, k)
	if g.line.Len() == 0 {
		return next, false
	}
	next = g.line.Pop()
	delete(g.waiting, next)
	g.in[next] = true
	return next, true
}

// bareName is a resolver's name, without its tier: that of other metrics.
func bareName(by string) string { return by[strings.LastIndex(by, "/")+1:] }
