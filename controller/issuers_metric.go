package controller

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim/resolver"
)

// issuersMetric counts the issuers in memory when it is read. Kinds of which not every issuer
// is known have no series; names of issuers are never labels.
type issuersMetric struct {
	controller  *Controller
	description *prometheus.Desc
}

// kindAndState are the labels of a series.
type kindAndState struct {
	resolver.GroupKind
	ready resolver.Readiness
}

func newIssuersMetric(c *Controller) issuersMetric {
	return issuersMetric{controller: c, description: prometheus.NewDesc("certshim_issuers",
		"Issuers of each kind whose issuers are known, by whether they are ready.", []string{"group", "kind", "state"}, nil)}
}

// Describe is of [prometheus.Collector].
func (m issuersMetric) Describe(to chan<- *prometheus.Desc) { to <- m.description }

// Collect is of [prometheus.Collector].
func (m issuersMetric) Collect(to chan<- prometheus.Metric) {
	whole := m.controller.whole.Load()
	if whole == nil {
		return
	}
	count := m.controller.memory.countIssuers()
	states := map[resolver.Readiness]string{resolver.Ready: "ready", resolver.NotReady: "not_ready", resolver.ReadyUnknown: "unknown"}
	for kind := range *whole {
		for ready, state := range states {
			n := count[kindAndState{kind, ready}]
			to <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float64(n), kind.Group, kind.Kind, state)
		}
	}
}

func (m *memory) countIssuers() map[kindAndState]int {
	m.lock.RLock()
	defer m.lock.RUnlock()
	count := map[kindAndState]int{}
	for key, seen := range m.issuers {
		count[kindAndState{key.GroupKind, seen.Ready}]++
	}
	return count
}
