package controller

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// take takes all that is in the queue now.
func takeAll(q *queue) []string {
	var names []string
	for q.Len() > 0 {
		k, _ := q.Get()
		names = append(names, k.Name())
		q.Done(k)
	}
	return names
}

// What a feed lists at first waits behind what changes meanwhile.
func TestTheFirstListGoesThroughTheSlowLane(t *testing.T) {
	c := newTestController(t, &script{})
	defer c.queue.ShutDown()
	sources := sourcesOf(c, ingressKind(t))
	arrives := func(name string, first bool) { take(t, sources, named(ingress(issuer, name), name), first) }
	arrives("listed-1", true)
	arrives("listed-2", true)
	arrives("made", false)
	if got := takeAll(c.queue); !slices.Equal(got, []string{"made", "listed-1", "listed-2"}) {
		t.Errorf("order is %v", got)
	}
}

func TestAFailedTurnComesBackLaterEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, web := newQueue(nil), at("shop", "web")
		defer q.ShutDown()
		wait := firstRetry
		for range 12 {
			q.again(web)
			<-time.After(wait - time.Millisecond)
			synctest.Wait()
			if q.Len() > 0 {
				t.Fatalf("it came before %s had passed", wait)
			}
			<-time.After(time.Millisecond)
			synctest.Wait()
			if got := takeAll(q); len(got) != 1 {
				t.Fatalf("after %s: %v", wait, got)
			}
			wait = min(2*wait, longestRetry)
		}
		q.Forget(web)
		q.again(web)
		<-time.After(firstRetry)
		synctest.Wait()
		if got := takeAll(q); len(got) != 1 {
			t.Errorf("after a success the backoff does not start again: %v", got)
		}
	})
}

func TestRetriesGoThroughTheSlowLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(nil)
		defer q.ShutDown()
		q.again(at("shop", "failed"))
		q.after(at("shop", "later"), firstRetry)
		<-time.After(firstRetry)
		synctest.Wait()
		q.soon(at("shop", "changed"))
		if got := takeAll(q); len(got) != 3 || got[0] != "changed" {
			t.Errorf("order is %v", got)
		}
	})
}

// A change needn't wait for the backoff.
func TestAChangeEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, web := newQueue(nil), at("shop", "web")
		defer q.ShutDown()
		q.after(web, time.Hour)
		q.inLine(at("shop", "other"))
		q.soon(web)
		if got := takeAll(q); !slices.Equal(got, []string{"web", "other"}) {
			t.Errorf("order is %v", got)
		}
	})
}
