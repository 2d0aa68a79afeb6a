package clientmetrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/util/workqueue"
)

// Queues registers the metrics of work queues, and returns what queues take to feed them.
func Queues(registry prometheus.Registerer) workqueue.MetricsProvider {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "workqueue_" + name, Help: help}, []string{"name"})
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "workqueue_" + name, Help: help}, []string{"name"})
	}
	q := queues{
		depth:      gauge("depth", "Items that wait in a queue."),
		adds:       counter("adds_total", "Items that a queue was given."),
		wait:       seconds("workqueue_queue_duration_seconds", "How long items wait in a queue before a worker takes them.", "name"),
		work:       seconds("workqueue_work_duration_seconds", "How long workers are at an item.", "name"),
		unfinished: gauge("unfinished_work_seconds", "How long the items that workers are at have taken so far, in all."),
		longest:    gauge("longest_running_processor_seconds", "How long the worker that is longest at its item has been at it."),
		retries:    counter("retries_total", "Items that were put off to be tried again."),
	}
	registry.MustRegister(q.depth, q.adds, q.wait, q.work, q.unfinished, q.longest, q.retries)
	return q
}

type queues struct {
	depth, unfinished, longest *prometheus.GaugeVec
	adds, retries              *prometheus.CounterVec
	wait, work                 *prometheus.HistogramVec
}

// NewDepthMetric implements [workqueue.MetricsProvider], as the methods below do.
func (q queues) NewDepthMetric(name string) workqueue.GaugeMetric {
	return q.depth.WithLabelValues(name)
}

// NewAddsMetric counts what is added.
func (q queues) NewAddsMetric(name string) workqueue.CounterMetric {
	return q.adds.WithLabelValues(name)
}

// NewLatencyMetric measures how long items wait.
func (q queues) NewLatencyMetric(name string) workqueue.HistogramMetric {
	return q.wait.WithLabelValues(name)
}

// NewWorkDurationMetric measures how long items are worked on.
func (q queues) NewWorkDurationMetric(name string) workqueue.HistogramMetric {
	return q.work.WithLabelValues(name)
}

// NewUnfinishedWorkSecondsMetric has the time of what is being worked on.
func (q queues) NewUnfinishedWorkSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return q.unfinished.WithLabelValues(name)
}

// NewLongestRunningProcessorSecondsMetric has the longest of these.
func (q queues) NewLongestRunningProcessorSecondsMetric(name string) workqueue.SettableGaugeMetric {
	return q.longest.WithLabelValues(name)
}

// NewRetriesMetric counts what is put off.
func (q queues) NewRetriesMetric(name string) workqueue.CounterMetric {
	return q.retries.WithLabelValues(name)
}
