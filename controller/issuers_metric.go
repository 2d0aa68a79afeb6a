package controller

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// issuersMetric counts the issuers when it is read. Kinds of which not every issuer is known
// have no series; names of issuers are never labels.
type issuersMetric struct {
	inventory   *inventory.Inventory
	description *prometheus.Desc
}

func newIssuersMetric(i *inventory.Inventory) issuersMetric {
	return issuersMetric{
		inventory: i,
		description: prometheus.NewDesc("certshim_issuers",
			"Issuers of each kind whose issuers are known, by whether they are ready.", []string{"group", "kind", "state"}, nil),
	}
}

// Describe is of [prometheus.Collector].
func (m issuersMetric) Describe(to chan<- *prometheus.Desc) { to <- m.description }

// Collect is of [prometheus.Collector].
func (m issuersMetric) Collect(to chan<- prometheus.Metric) {
	states := map[resolver.Readiness]string{resolver.Ready: "ready", resolver.NotReady: "not_ready", resolver.ReadyUnknown: "unknown"}
	for issuers, n := range m.inventory.CountIssuers() {
		to <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float64(n), issuers.Group, issuers.Kind, states[issuers.Ready])
	}
}
