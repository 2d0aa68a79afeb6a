package plugins

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim/resolver"
)

// The values of the label method.
const (
	methodHandshake = "Handshake"
	methodHealth    = "Health"
	methodResolve   = "Resolve"
)

// ok is the code of a successful call; the others are faults.
const ok = "OK"

// metrics has the metrics of all resolvers. Label values come only from the configuration and
// from enumerations.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	rejected *prometheus.CounterVec

	up, answers, refused, oldest, queued, open, evicted *prometheus.Desc
}

const (
	namespace     = "certshim"
	subsystem     = "resolver"
	labelResolver = "resolver"
)

func newMetrics() *metrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, append([]string{labelResolver}, labels...), nil)
	}
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "requests_total", Help: "Calls, by method and by how they ended.",
		}, []string{labelResolver, "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "request_duration_seconds", Help: "How long calls take, by method.",
			// From cached answers to the longest deadline
			Buckets: []float64{.001, .005, .02, .1, .25, .5, 1, 2, 5, 10},
		}, []string{labelResolver, "method"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "rejected_total", Help: "Answers and introductions that were rejected, by cause.",
		}, []string{labelResolver, "cause"}),
		up:      describe("up", "Whether the resolver is connected and says that it can answer."),
		answers: describe("answers", "Issuers in use, by how old the resolver's answer is.", "state"),
		refused: describe("refused_issuers", "Issuers in use about which the resolver's last answer was refused."),
		oldest:  describe("oldest_answer_seconds", "Age of the oldest answer in use."),
		queued:  describe("queue_depth", "Issuers that are queued to be asked about."),
		open:    describe("breaker_open", "Whether the resolver isn't asked for a while, after failures or a rejected answer."),
		evicted: describe("evicted_total", "Issuers that were forgotten because too many are in use."),
	}
}

// begin creates the series of a resolver, so that they exist before the first event.
func (m *metrics) begin(name string) {
	for _, cause := range causes() {
		m.rejected.WithLabelValues(name, string(cause))
	}
	for _, method := range []string{methodHandshake, methodHealth, methodResolve} {
		m.requests.WithLabelValues(name, method, ok)
		m.duration.WithLabelValues(name, method)
	}
}

func (m *metrics) called(name, method string, fault resolver.Fault, took time.Duration) {
	code := string(fault)
	if fault == resolver.NoFault {
		code = ok
	}
	m.requests.WithLabelValues(name, method, code).Inc()
	m.duration.WithLabelValues(name, method).Observe(took.Seconds())
}

// Describe implements [prometheus.Collector].
func (h *Host) Describe(c chan<- *prometheus.Desc) {
	m := h.metrics
	m.requests.Describe(c)
	m.duration.Describe(c)
	m.rejected.Describe(c)
	for _, desc := range []*prometheus.Desc{m.up, m.answers, m.refused, m.oldest, m.queued, m.open, m.evicted} {
		c <- desc
	}
}

// Collect implements [prometheus.Collector].
func (h *Host) Collect(c chan<- prometheus.Metric) {
	h.metrics.requests.Collect(c)
	h.metrics.duration.Collect(c)
	h.metrics.rejected.Collect(c)
	for _, m := range h.members {
		m.collect(h.metrics, c)
	}
}

func (m *member) collect(d *metrics, c chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{m.Name}, labels...)...)
	}
	gauge(d.up, truth(m.up.Load()))
	gauge(d.open, truth(m.breaker.remaining(m.host.now()) > 0))
	gauge(d.queued, float64(m.queue.len()))
	states, oldest := m.cache.count()
	for _, state := range []resolver.State{resolver.Never, resolver.Fresh, resolver.Stale} {
		gauge(d.answers, float64(states[state]), string(state))
	}
	gauge(d.refused, float64(m.cache.rejected()))
	age := 0.0
	if !oldest.IsZero() {
		age = m.host.now().Sub(oldest).Seconds()
	}
	gauge(d.oldest, age)
	c <- prometheus.MustNewConstMetric(d.evicted, prometheus.CounterValue, float64(m.cache.evicted.Load()), m.Name)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
