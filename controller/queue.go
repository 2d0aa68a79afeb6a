package controller

import (
	"time"

	"k8s.io/client-go/util/workqueue"
)

// The delay before an object is tried again doubles from first to longest.
const (
	firstRetry   = 500 * time.Millisecond
	longestRetry = 5 * time.Minute
)

// queue has the sources that are to be looked at, each once and one worker at a time.
type queue struct {
	workqueue.TypedRateLimitingInterface[key]
	lanes *lanes
}

func newQueue(metrics workqueue.MetricsProvider) *queue {
	lanes := newLanes()
	inner := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[key]{
		Name: "sources", Queue: lanes, MetricsProvider: metrics,
	})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{Queue: inner})
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[key](firstRetry, longestRetry)
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[key]{DelayingQueue: delaying}),
		lanes: lanes,
	}
}

// soon queues sources that something happened to, before those that wait in line.
func (q *queue) soon(keys ...key) {
	for _, k := range keys {
		q.lanes.speedUp(k)
		q.Add(k)
	}
}

// inLine queues sources behind those that wait already.
func (q *queue) inLine(keys ...key) {
	for _, k := range keys {
		q.lanes.slowDown(k)
		q.Add(k)
	}
}

// again queues a source whose turn failed, after its backoff.
func (q *queue) again(k key) {
	q.lanes.slowDown(k)
	q.AddRateLimited(k)
}

// after queues a source when the time has passed, without counting a failure.
func (q *queue) after(k key, delay time.Duration) {
	q.lanes.slowDown(k)
	q.AddAfter(k, delay)
}
