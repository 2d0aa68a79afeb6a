package controller

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// metrics are all that the controller counts. Counters with known labels exist at zero,
// so that a rate over them has a beginning.
type metrics struct {
	problems        *prometheus.CounterVec
	currentProblems *prometheus.GaugeVec
	writes          *prometheus.CounterVec
	liveReads       prometheus.Counter
	events          *prometheus.CounterVec
	reconciles      prometheus.Counter
	synced          *prometheus.GaugeVec
	forbidden       *prometheus.GaugeVec
	failing         *prometheus.GaugeVec
	writeForbidden  prometheus.Gauge
	pendingWrites   prometheus.Gauge
	otherShim       prometheus.Gauge
	contested       prometheus.Gauge
	held            *prometheus.GaugeVec
	leader          prometheus.Gauge
	initialDone     prometheus.Gauge
	eventToWrite    prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer, config Config, queueDepth func() float64) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "certshim_" + name, Help: help})
		registry.MustRegister(g)
		return g
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "certshim_" + name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "certshim_" + name, Help: help}, labels)
		registry.MustRegister(g)
		return g
	}
	m := &metrics{
		problems:        counter("problems_total", "Problems that were found, each counted once until it vanishes.", "reason", "severity"),
		currentProblems: gauges("current_problems", "Problems that objects have now.", "reason", "severity"),
		writes:          counter("writes_total", "Requests that write Certificates, by action and by what the API server's answer means.", "action", "result"),
		liveReads:       counter("live_reads_total", "Certificates read from the API server because the cache was not enough, and sources read before a Certificate of theirs is deleted.").WithLabelValues(),
		events:          counter("events_total", "Events, by what became of them.", "result"),
		reconciles:      counter("reconciles_total", "Objects that were looked at.").WithLabelValues(),
		synced:          gauges("informer_synced", "Whether the objects of a served resource are known.", "resource"),
		forbidden:       gauges("resource_forbidden", "Whether the API server refuses to list or watch a resource.", "resource"),
		failing:         gauges("informer_failing", "Whether lists or watches of a resource fail without being refused.", "resource"),
		writeForbidden:  gauge("write_forbidden", "Whether the permission to write Certificates is missing."),
		pendingWrites:   gauge("pending_writes", "Objects whose writes wait for an admission webhook that doesn't answer."),
		otherShim:       gauge("other_shim_active", "Certificates that certshim wrote and to which cert-manager's own shim writes, too."),
		contested:       gauge("contested_fields", "Fields that somebody takes again and again, and that are left to them for now."),
		held:            heldSources(),
		leader:          gauge("leader", "Whether this replica is the one that works."),
		initialDone:     gauge("initial_reconcile_done", "Whether every object that existed at the start was looked at."),
		eventToWrite:    eventToWrite(),
	}
	registry.MustRegister(m.held, m.eventToWrite, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certshim_queue_depth", Help: "Objects that wait to be looked at.",
	}, queueDepth))
	gauges("build_info", "What runs; always 1.", "version", "revision", "goversion", "goos", "goarch").
		WithLabelValues(config.Version, config.Revision, runtime.Version(), runtime.GOOS, runtime.GOARCH).Set(1)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.zero()
	return m
}

// report shows the state of a feed.
func (m *metrics) report(s cluster.Status) {
	resource := label(s.Resource)
	if s.Ended {
		m.synced.DeleteLabelValues(resource)
		m.forbidden.DeleteLabelValues(resource)
		m.failing.DeleteLabelValues(resource)
		return
	}
	m.synced.WithLabelValues(resource).Set(truth(s.Attached))
	m.forbidden.WithLabelValues(resource).Set(truth(s.Forbidden()))
	m.failing.WithLabelValues(resource).Set(truth(len(s.Failing) > 0))
}

// truth is a gauge's 1 or 0.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// label names a resource: ingresses.networking.k8s.io.
func label(resource schema.GroupVersionResource) string { return resource.GroupResource().String() }

// eventToWrite has classic buckets for old servers, and native ones for others.
func eventToWrite() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "certshim_event_to_write_seconds", Help: "From what made an object be looked at to the write that followed; what waits or is tried again counts in full.",
		Buckets:                     []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	})
}

func heldSources() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "certshim_resolver_held_sources", Help: "Objects whose new Certificates wait for the first answer of a resolver.",
	}, []string{"resolver"})
}

// zero makes the series with known labels.
func (m *metrics) zero() {
	for _, reason := range problem.Reasons() {
		for _, severity := range problem.Severities() {
			m.problems.WithLabelValues(string(reason.Reason), string(severity))
			m.currentProblems.WithLabelValues(string(reason.Reason), string(severity))
		}
	}
	for _, action := range []string{string(certificate.Create), string(certificate.Apply), string(certificate.Delete), takeOver} {
		for _, result := range cluster.Answers() {
			m.writes.WithLabelValues(action, string(result))
		}
	}
	for _, result := range eventResults() {
		m.events.WithLabelValues(result)
	}
}

// fieldsMetric counts the fields of Certificates by verdict when it is read.
type fieldsMetric struct {
	inventory   *inventory.Inventory
	description *prometheus.Desc
}

func newFieldsMetric(i *inventory.Inventory) fieldsMetric {
	return fieldsMetric{i, prometheus.NewDesc("certshim_field_verdicts",
		"Fields of the Certificates that objects ask for, by verdict, as certshim audit has them.", []string{"verdict"}, nil)}
}

func newOrphansMetric(i *inventory.Inventory) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certshim_orphaned_certificates", Help: "Certificates in other namespaces than their source, which is gone. They stay unless crossNamespace.orphans is delete.",
	}, func() float64 { return float64(len(i.Orphans())) })
}

// Describe implements [prometheus.Collector].
func (m fieldsMetric) Describe(to chan<- *prometheus.Desc) { to <- m.description }

// Collect implements [prometheus.Collector].
func (m fieldsMetric) Collect(to chan<- prometheus.Metric) {
	n := m.inventory.CountFields()
	for verdict, fields := range map[ownership.Verdict]int{
		ownership.Unserved: n.Unserved, ownership.Untracked: n.Untracked, ownership.Contested: n.Contested, ownership.Yielded: n.Yielded,
		ownership.Drifted: n.Drifted, ownership.Unowned: n.Unowned, ownership.Shared: n.Shared, ownership.Foreign: n.Foreign, ownership.Ours: n.Ours,
	} {
		to <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float64(fields), string(verdict))
	}
}

// judgeFields notes the verdicts on the fields of Certificates that were read: for the metric, unless
// the decision changes them at once, and for a report.
func (c *Controller) judgeFields(look *inventory.Look, outcome certshim.Outcome) {
	for _, d := range outcome.Certificates {
		if d.Asked == nil {
			continue
		}
		seen, _ := look.Certificate(d.Namespace, d.Name)
		if seen.Live == nil {
			continue
		}
		whose := ownership.Of(ownership.Input{Live: seen.Live, Asked: d.Asked, Choice: d.Choice})
		counts := countsOf(whose)
		c.reports.Found(look.Key(), d.At(), seen.ResourceVersion, counts, whose)
		if d.Action != certificate.Apply || d.Paced {
			c.inventory.JudgeFields(d.At(), seen.ResourceVersion, counts)
		}
	}
}

func countsOf(r ownership.Report) inventory.FieldCounts {
	n := r.Counts()
	return inventory.FieldCounts{
		Standing: certificate.Standing{
			Ours: uint16(n[ownership.Ours]), Shared: uint16(n[ownership.Shared]), Foreign: uint16(n[ownership.Foreign]),
			Untracked: uint16(n[ownership.Untracked]), Unserved: uint16(n[ownership.Unserved]),
		},
		Drifted: uint16(n[ownership.Drifted]), Yielded: uint16(n[ownership.Yielded]), Unowned: uint16(n[ownership.Unowned]), Contested: uint16(n[ownership.Contested]),
	}
}

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

// Describe implements [prometheus.Collector].
func (m issuersMetric) Describe(to chan<- *prometheus.Desc) { to <- m.description }

// Collect implements [prometheus.Collector].
func (m issuersMetric) Collect(to chan<- prometheus.Metric) {
	states := map[resolver.Readiness]string{resolver.Ready: "ready", resolver.NotReady: "not_ready", resolver.ReadyUnknown: "unknown"}
	for issuers, n := range m.inventory.CountIssuers() {
		to <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float64(n), issuers.Group, issuers.Kind, states[issuers.Ready])
	}
}
