package controller

import (
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/certshim/certshim/inventory"
)

// key names a source.
type key = inventory.Key

// The delay before an object is tried again doubles from first to longest.
const (
	firstRetry   = 500 * time.Millisecond
	longestRetry = 5 * time.Minute
)

// queue holds the sources that a worker must look at. A source is in it at most once, and
// with one worker at a time.
type queue struct {
	workqueue.TypedRateLimitingInterface[key]
	lanes *lanes[key]
}

func newQueue() *queue {
	lanes := newLanes(key.Namespace)
	inner := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[key]{
		Name: "sources", Queue: lanes,
	})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{Queue: inner})
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[key](firstRetry, longestRetry)
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[key]{DelayingQueue: delaying}),
		lanes: lanes,
	}
}

// soon queues sources that may need a write now, through the fast lane.
func (q *queue) soon(keys ...key) {
	for _, k := range keys {
		q.lanes.speedUp(k)
		q.Add(k)
	}
}

// inLine queues sources that can wait, through the slow lane.
func (q *queue) inLine(keys ...key) {
	for _, k := range keys {
		q.Add(k)
	}
}

// again queues a source whose reconcile failed, through the slow lane after its backoff.
func (q *queue) again(k key) {
	q.AddRateLimited(k)
}

// after queues a source through the slow lane after the delay, without counting a failure.
func (q *queue) after(k key, delay time.Duration) {
	q.AddAfter(k, delay)
}
