package controller

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// measured are how many times from an event to its write were measured, and their sum in seconds.
func measured(t *testing.T, c *Controller) (n uint64, sum float64) {
	t.Helper()
	var metric dto.Metric
	if err := c.metrics.eventToWrite.Write(&metric); err != nil {
		t.Fatal(err)
	}
	return metric.GetHistogram().GetSampleCount(), metric.GetHistogram().GetSampleSum()
}

// The time runs from what happened to the write, whatever was put off meanwhile, and only where there was one.
func TestTheTimeFromAnEventToItsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestController(t, &script{})
		defer c.queue.ShutDown()
		web := at("shop", "web")
		take := func(next requeue) {
			t.Helper()
			since, known := c.queue.taken(web)
			if !known {
				t.Fatal("nothing happened")
			}
			c.noteLatency(web, since, next)
		}
		c.queue.soon(web)
		<-time.After(time.Second)
		c.queue.soon(web) // the first counts
		take(requeue{retry: true})
		<-time.After(time.Second)
		take(requeue{written: true})
		if n, sum := measured(t, c); n != 1 || math.Abs(sum-2) > 0.01 {
			t.Errorf("%d measured, of %v s in all, want one of 2", n, sum)
		}
		c.queue.soon(web)
		take(requeue{})
		if n, _ := measured(t, c); n != 1 {
			t.Error("a look without a write was measured")
		}
		c.queue.inLine(web)
		if _, known := c.queue.taken(web); known {
			t.Error("what can wait was measured")
		}
		if len(c.queue.since) > 0 {
			t.Errorf("%v stays in memory", c.queue.since)
		}
	})
}
