package controller

import (
	"context"
	"sync"
	"time"
)

// stopTimeout bounds a write in flight when the controller is asked to stop.
const stopTimeout = 20 * time.Second

// work runs the workers until the context ends and each has finished what it was at, or
// until the Lease is lost.
func (c *Controller) work(ctx, lost context.Context) {
	writing, abort := context.WithCancel(lost)
	defer abort()
	stop := context.AfterFunc(ctx, func() {
		c.queue.ShutDown()
		time.AfterFunc(stopTimeout, abort)
	})
	defer stop()
	shut := context.AfterFunc(lost, c.queue.ShutDown)
	defer shut()
	c.inventory.Begin(c.tenure.versions())
	c.pace.begin(time.Now())
	c.noteIdle()
	go c.sweepOrphans(writing)
	var workers sync.WaitGroup
	reporting, end := context.WithCancel(ctx)
	stopReporting := context.AfterFunc(lost, end)
	defer stopReporting()
	defer end()
	workers.Go(func() { c.reports.Run(reporting) })
	for range c.config.Workers {
		workers.Go(func() {
			for c.workOnOne(ctx, writing) {
				c.noteIdle()
			}
		})
	}
	workers.Wait()
}

// workOnOne looks at the next source; false means that there is no more to do.
func (c *Controller) workOnOne(ctx, writing context.Context) bool {
	k, ended := c.queue.Get()
	if ended {
		return false
	}
	defer c.queue.Done(k)
	if ctx.Err() != nil || writing.Err() != nil || !c.informed.Load() {
		// Once enough is known again, every source is queued.
		c.leave(k)
		return true
	}
	c.working.Add(1)
	since, known := c.queue.taken(k)
	next := c.reconcile(writing, k)
	c.leave(k)
	c.working.Add(-1)
	if known {
		c.noteLatency(k, since, next)
	}
	if next.aside {
		return true
	}
	if next.retry {
		c.queue.again(k)
		return true
	}
	c.queue.Forget(k)
	c.recovered(k)
	if next.after > 0 {
		c.queue.after(k, next.after)
	}
	return true
}

// noteLatency measures from what happened to the write. What is put off goes on counting.
func (c *Controller) noteLatency(k key, since time.Time, next requeue) {
	switch {
	case next.written:
		c.metrics.eventToWrite.Observe(time.Since(since).Seconds())
	case next.retry || next.aside:
		c.queue.happened(k, since)
	}
}

// leave lets the next large source in, if this one has a place.
func (c *Controller) leave(k key) {
	if next, found := c.large.leave(k); found {
		c.queue.inLine(next)
	}
}

// idle reports whether nothing is left to do.
func (c *Controller) idle() bool {
	return c.informed.Load() && c.working.Load() == 0 && c.queue.Len() == 0
}

// noteIdle notes the first time at which it is.
func (c *Controller) noteIdle() {
	if c.idle() {
		c.firstIdle.Do(func() {
			c.metrics.initialDone.Set(1)
			c.config.AfterPeak()
		})
	}
}
