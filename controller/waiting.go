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

// bareName is a resolver's name, without its tier: that of other metrics.
func bareName(by string) string { return by[strings.LastIndex(by, "/")+1:] }
