package controller

import (
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/certshim/certshim/inventory"
)

// queueName is the label of the queue's metrics.
const queueName = "sources"

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

	lock sync.Mutex
	// since is when something happened that made a source be looked at soon, until a worker takes it.
	since map[key]time.Time
}

func newQueue(provider workqueue.MetricsProvider) *queue {
	lanes := newLanes(key.Namespace)
	inner := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[key]{
		Name: queueName, Queue: lanes, MetricsProvider: provider,
	})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{Name: queueName, Queue: inner, MetricsProvider: provider})
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[key](firstRetry, longestRetry)
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[key]{Name: queueName, DelayingQueue: delaying, MetricsProvider: provider}),
		lanes: lanes, since: map[key]time.Time{},
	}
}

// soon queues sources that may need a write now, through the fast lane.
func (q *queue) soon(keys ...key) {
	now := time.Now()
	for _, k := range keys {
		q.happened(k, now)
		q.lanes.speedUp(k)
		q.Add(k)
	}
}

// happened notes when a look became necessary, unless one has been since before.
func (q *queue) happened(k key, at time.Time) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if _, known := q.since[k]; !known {
		q.since[k] = at
	}
}

// taken gives that time to the worker that looks at the source; false where nothing happened to it.
func (q *queue) taken(k key) (at time.Time, known bool) {
	q.lock.Lock()
	defer q.lock.Unlock()
	at, known = q.since[k]
	delete(q.since, k)
	return at, known
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
