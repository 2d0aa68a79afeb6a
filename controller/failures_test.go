package controller

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
)

func TestASuccessReleasesWhatWaitsForFailures(t *testing.T) {
	f, a, b := newFailures(), at("shop", "a"), at("shop", "b")
	f.add(a, noon)
	f.add(b, noon)
	f.forget(b)
	if released := f.release(b, noon); !slices.Equal(released, []key{a}) {
		t.Errorf("released are %v", released)
	}
	if again := f.release(b, noon.Add(time.Hour)); len(again) > 0 {
		t.Errorf("released without having failed again: %v", again)
	}
}

// While others succeed, what fails by itself is tried as rarely as its backoff would have it.
func TestWhatFailsByItselfIsReleasedEverMoreRarely(t *testing.T) {
	f, a, other, released := newFailures(), at("shop", "a"), at("shop", "other"), 0
	const lasts = time.Hour
	for now := noon; now.Before(noon.Add(lasts)); now = now.Add(time.Second) {
		f.add(a, now)
		released += len(f.release(other, now))
	}
	if most := 8 + int(lasts/longestRelease); released < 10 || released > most {
		t.Errorf("released %d times in %s, want at most %d", released, lasts, most)
	}
}

// What was wrong in a namespace is over once a source of it succeeds that had failed. Elsewhere it may go on.
func TestASourceThatRecoversReleasesItsNamespace(t *testing.T) {
	f, a, b, far := newFailures(), at("shop", "a"), at("shop", "b"), at("far", "c")
	for range 5 {
		for _, k := range []key{a, b, far} {
			f.add(k, noon)
		}
		f.release(at("shop", "other"), noon.Add(time.Hour))
	}
	f.add(a, noon)
	f.add(b, noon)
	f.add(far, noon)
	if released := f.release(at("shop", "other"), noon); len(released) > 0 {
		t.Fatalf("released are %v: it is too early", released)
	}
	released := f.release(a, noon)
	if len(released) != 2 || !slices.Contains(released, a) || !slices.Contains(released, b) {
		t.Errorf("released are %v, want a and b", released)
	}
}

// A source whose first write fails, and whose second is made, doesn't wait for its backoff with the first.
func TestASourceThatSucceedsInPartIsTriedAgain(t *testing.T) {
	c := newTestController(t, &script{answers: []error{noPermission()}})
	k := see(t, c, ingress(issuer, "first", "second"))
	c.queue.Get()
	c.queue.Done(k)
	if next := c.reconcile(t.Context(), k); !next.retry || !next.written {
		t.Fatalf("requeue %+v, want one write that was made and one that wasn't", next)
	}
	if got := queued(c); len(got) != 1 {
		t.Errorf("queued are %v", got)
	}
}

// While all fails, one source after another is tried, ever more rarely up to a point, and no other at the same time.
func TestOneSourceTriesWhetherAnOutageIsOver(t *testing.T) {
	f, all := newFailures(), []key{at("shop", "a"), at("shop", "b"), at("far", "c")}
	for n, k := range all {
		f.add(k, noon.Add(time.Duration(n)))
	}
	now, tried, waited := noon, map[key]int{}, time.Duration(0)
	const rounds = 9
	for range rounds {
		k, after, found := f.nextProbe(now)
		if !found || after > longestPause {
			t.Fatalf("found %v, to be tried after %s", found, after)
		}
		if _, _, another := f.nextProbe(now); another {
			t.Fatal("two sources try at once")
		}
		now, waited = now.Add(after), waited+after
		tried[k]++
		f.add(k, now)
	}
	for _, k := range all {
		if tried[k] != rounds/len(all) {
			t.Errorf("%v was tried %d times", k, tried[k])
		}
	}
	if least := longestPause * (rounds - 6); waited < least {
		t.Errorf("%d tries within %s, which has to be more than %s", rounds, waited, least)
	}
}

// A probe that has nothing to try any more, or is never tried, hands on to another.
func TestAProbeThatIsGoneHandsOn(t *testing.T) {
	f, a, b := newFailures(), at("shop", "a"), at("shop", "b")
	f.add(a, noon)
	f.add(b, noon.Add(1))
	if k, _, _ := f.nextProbe(noon); k != a {
		t.Fatalf("%v is to be tried", k)
	}
	f.forget(a)
	if k, _, found := f.nextProbe(noon); k != b || !found {
		t.Errorf("%v is to be tried", k)
	}
	if k, _, found := f.nextProbe(noon.Add(longestPause)); k != b || !found {
		t.Errorf("%v is to be tried, as nobody has for long", k)
	}
	f.forget(b)
	if k, _, found := f.nextProbe(noon.Add(time.Hour)); found {
		t.Errorf("%v is to be tried", k)
	}
}

// The delay before the next try is minutes by the time that an outage ends in which nothing was written at all.
func TestASourceIsTriedSoonThoughNothingWasWrittenForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 10000
		writer := &script{answers: slices.Repeat([]error{noPermission()}, many)}
		c := newTestController(t, writer)
		defer c.queue.ShutDown()
		for _, name := range []string{"a", "b"} {
			see(t, c, named(ingress(issuer, name), name))
		}
		for begun := time.Now(); time.Since(begun) < time.Hour; {
			c.workOnOne(t.Context(), t.Context())
		}
		synctest.Wait()
		drain(t, c)
		if most := 180; len(writer.requests) > most {
			t.Errorf("there were %d tries, want at most %d", len(writer.requests), most)
		}
		writer.answers, writer.requests = nil, nil
		ended := time.Now()
		for len(writer.requests) < 2 {
			c.workOnOne(t.Context(), t.Context())
		}
		if waited := time.Since(ended); waited > longestPause {
			t.Errorf("they were written %s after the outage", waited)
		}
	})
}

// The delay before the next try may be minutes by the time that an outage ends.
func TestTheFirstWriteThatSucceedsQueuesTheOthers(t *testing.T) {
	for name, answer := range map[string]error{"failed": status(500, "oops"), "forbidden": noPermission(), "unauthorized": status(401, "Unauthorized")} {
		writer := &script{answers: []error{answer, answer}}
		c := newTestController(t, writer)
		for _, host := range []string{"a", "b"} {
			see(t, c, named(ingress(issuer, host), host))
			drain(t, c)
		}
		if got := queued(c); len(got) > 0 {
			t.Fatalf("%s: queued are %v", name, got)
		}
		c.reconcile(t.Context(), see(t, c, named(ingress(issuer, "c"), "c")))
		if got := queued(c); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%s: after a success queued are %v", name, got)
		}
	}
}

// For a moment after the CRD has changed, the API server refuses by an error of its own.
func TestARefusalThatIsTheServersErrorIsTriedAgainSoon(t *testing.T) {
	err := status(500, "failed to create typed patch object (shop/tls; cert-manager.io/v1, Kind=Certificate): .spec.x: field not declared in schema")
	if cluster.AnswerOf(err) != cluster.Refused {
		t.Fatal("it isn't a refusal")
	}
	err = internal(err)
	writer := &script{answers: []error{err, err, err, err}}
	c := newTestController(t, writer)
	k := see(t, c, ingress(issuer, "tls"))
	for range quietTries {
		if next := c.reconcile(t.Context(), k); !next.retry {
			t.Errorf("requeue %+v", next)
		}
		c.queue.again(k)
	}
	if told := warnings(c); len(told) > 0 {
		t.Errorf("told at once: %v", told)
	}
	if next := c.reconcile(t.Context(), k); !next.retry || len(warnings(c)) != 1 {
		t.Errorf("requeue %+v, want a Warning by now", next)
	}
	if next := c.reconcile(t.Context(), k); next.retry {
		t.Errorf("requeue %+v", next)
	}
}

// A deletion doesn't show that a webhook is back which is asked about other writes.
func TestADeletionReleasesNothingThatWaitsForAWebhook(t *testing.T) {
	c := newTestController(t, &script{})
	k := at("shop", "web")
	c.breaker.failed(hook, k, noon)
	c.judge(k, deletion(), nil)
	c.judge(k, deletion(), status(422, "denied by another webhook"))
	if got := len(c.breaker.outages); got != 1 {
		t.Errorf("there are %d outages", got)
	}
}

func deletion() certificate.Decision {
	return certificate.Decision{Namespace: "shop", Name: "old", Action: certificate.Delete}
}

// internal gives an error of the server the reason that it has.
func internal(err error) error {
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		status.ErrStatus.Reason = metav1.StatusReasonInternalError
	}
	return err
}
