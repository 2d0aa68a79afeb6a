package clientmetrics

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/metrics"
)

// Install registers the metrics of the REST client and of leader election, and has client-go feed them from now on. The
// first call in a process counts: client-go takes no others.
func Install(registry prometheus.Registerer) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rest_client_requests_total", Help: "HTTP requests, by status code, method and host.",
	}, []string{"code", "method", "host"})
	retries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rest_client_request_retries_total", Help: "Repeated requests, by status code, verb and host.",
	}, []string{"code", "verb", "host"})
	duration := seconds("rest_client_request_duration_seconds", "How long requests take, by verb and host.", "verb", "host")
	limiter := seconds("rest_client_rate_limiter_duration_seconds", "How long requests wait for the client's own rate limit, by verb and host.", "verb", "host")
	leading := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "leader_election_master_status", Help: "Whether this process holds the Lease of this name.",
	}, []string{"name"})
	slow := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leader_election_slowpath_total", Help: "Renewals of the Lease for which it had to be read first.",
	}, []string{"name"})
	registry.MustRegister(requests, retries, duration, limiter, leading, slow)
	metrics.Register(metrics.RegisterOpts{
		RequestResult: result{requests}, RequestRetry: retry{retries}, RequestLatency: latency{duration}, RateLimiterLatency: latency{limiter},
	})
	leaderelection.SetProvider(provider{leader{leading, slow}})
}

// seconds is a histogram with classic buckets for old servers and native ones for others.
func seconds(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: []float64{.005, .025, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60},
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

type result struct{ requests *prometheus.CounterVec }

// Increment implements [metrics.ResultMetric].
func (r result) Increment(_ context.Context, code, method, host string) {
	r.requests.WithLabelValues(code, method, host).Inc()
}

type retry struct{ retries *prometheus.CounterVec }

// IncrementRetry implements [metrics.RetryMetric].
func (r retry) IncrementRetry(_ context.Context, code, method, host string) {
	r.retries.WithLabelValues(code, method, host).Inc()
}

type latency struct{ of *prometheus.HistogramVec }

// Observe implements [metrics.LatencyMetric]. The URL's path has names of objects, which are no labels.
func (l latency) Observe(_ context.Context, verb string, u url.URL, took time.Duration) {
	l.of.WithLabelValues(verb, u.Host).Observe(took.Seconds())
}

type leader struct {
	leading *prometheus.GaugeVec
	slow    *prometheus.CounterVec
}

type provider struct{ leader }

// NewLeaderMetric implements [leaderelection.MetricsProvider].
func (p provider) NewLeaderMetric() leaderelection.LeaderMetric { return p.leader }

// On implements [leaderelection.LeaderMetric].
func (l leader) On(name string) { l.leading.WithLabelValues(name).Set(1) }

// Off implements [leaderelection.LeaderMetric].
func (l leader) Off(name string) { l.leading.WithLabelValues(name).Set(0) }

// SlowpathExercised implements [leaderelection.LeaderMetric].
func (l leader) SlowpathExercised(name string) { l.slow.WithLabelValues(name).Inc() }
