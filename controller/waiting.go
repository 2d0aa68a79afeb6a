package controller

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// held counts the sources whose new Certificates wait for the first answer of a resolver.
type held struct {
	lock  sync.Mutex
	by    map[key]string
	gauge *prometheus.GaugeVec
}

func newHeld(gauge *prometheus.GaugeVec) *held { return &held{by: map[key]string{}, gauge: gauge} }

// set notes the resolver that a source waits for, "" for none.
func (h *held) set(k key, by string) {
	h.lock.Lock()
	defer h.lock.Unlock()
	was := h.by[k]
	if was == by {
		return
	}
	delete(h.by, k)
	if was != "" {
		h.gauge.WithLabelValues(bareName(was)).Dec()
	}
	if by != "" {
		h.by[k] = by
		h.gauge.WithLabelValues(bareName(by)).Inc()
	}
}

// keys of the sources that wait.
func (h *held) keys() []key {
	h.lock.Lock()
	defer h.lock.Unlock()
	return slices.Collect(maps.Keys(h.by))
}

// bareName is a resolver's name, without its tier: that of other metrics.
func bareName(by string) string { return by[strings.LastIndex(by, "/")+1:] }
