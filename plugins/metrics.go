package plugins

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/certshim/certshim/resolver"
)

// tally counts what happened with one resolver.
type tally struct {
	lock       sync.Mutex
	calls      map[call]int
	seconds    map[string]float64
	rejections int
}

// call is a method and how it ended; the code of one that succeeded is OK.
type call struct{ method, code string }

func newTally() *tally { return &tally{calls: map[call]int{}, seconds: map[string]float64{}} }

func (t *tally) called(method string, fault resolver.Fault, took time.Duration) {
	code := string(fault)
	if fault == resolver.NoFault {
		code = "OK"
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.calls[call{method, code}]++
	t.seconds[method] += took.Seconds()
}

func (t *tally) rejected() {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.rejections++
}

// Labels come from the configuration and from enumerations alone.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("certshim_resolver_"+name, help, append([]string{"resolver"}, labels...), nil)
}

// descriptions are the metrics of a host.
type descriptions struct {
	up, requests, seconds, answers, oldest, rejected, queued, open, evicted *prometheus.Desc
}

func described() descriptions {
	return descriptions{
		up:       describe("up", "Whether the resolver is connected and says that it can answer."),
		requests: describe("requests_total", "Calls, by method and by how they ended.", "method", "code"),
		seconds:  describe("request_seconds_total", "Time spent in calls, by method.", "method"),
		answers:  describe("answers", "Issuers in use, by how old the resolver's answer is.", "state"),
		oldest:   describe("oldest_answer_seconds", "Age of the oldest answer in use."),
		rejected: describe("rejected_total", "Answers that were refused, malformed or past the operator's grant."),
		queued:   describe("queue_depth", "Issuers that wait to be asked for."),
		open:     describe("breaker_open", "Whether the resolver is left alone for a while, after failures or a refused answer."),
		evicted:  describe("evicted_total", "Issuers that were forgotten because too many are in use."),
	}
}

// Describe is of [prometheus.Collector].
func (h *Host) Describe(c chan<- *prometheus.Desc) { prometheus.DescribeByCollect(h, c) }

// Collect is of [prometheus.Collector].
func (h *Host) Collect(c chan<- prometheus.Metric) {
	d := described()
	for _, m := range h.members {
		m.collect(d, c)
	}
}

func (m *member) collect(d descriptions, c chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{m.Name}, labels...)...)
	}
	counter := func(desc *prometheus.Desc, value float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, append([]string{m.Name}, labels...)...)
	}
	gauge(d.up, truth(m.up.Load()))
	gauge(d.open, truth(m.breaker.remaining(m.host.now()) > 0))
	gauge(d.queued, float64(m.queue.len()))
	states, oldest := m.cache.count()
	for _, state := range []resolver.State{resolver.Never, resolver.Fresh, resolver.Stale} {
		gauge(d.answers, float64(states[state]), string(state))
	}
	age := 0.0
	if !oldest.IsZero() {
		age = m.host.now().Sub(oldest).Seconds()
	}
	gauge(d.oldest, age)
	counter(d.evicted, float64(m.cache.evicted.Load()))
	m.tally.lock.Lock()
	defer m.tally.lock.Unlock()
	counter(d.rejected, float64(m.tally.rejections))
	for call, n := range m.tally.calls {
		counter(d.requests, float64(n), call.method, call.code)
	}
	for method, seconds := range m.tally.seconds {
		counter(d.seconds, seconds, method)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
