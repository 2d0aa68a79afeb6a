package controller

import (
	"errors"
	"slices"
	"testing"
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
	if released := f.release(noon); !slices.Equal(released, []key{a}) {
		t.Errorf("released are %v", released)
	}
	if again := f.release(noon.Add(time.Hour)); len(again) > 0 {
		t.Errorf("released without having failed again: %v", again)
	}
}

// While others succeed, what fails by itself is tried as rarely as its backoff would have it.
func TestWhatFailsByItselfIsReleasedEverMoreRarely(t *testing.T) {
	f, a, released := newFailures(), at("shop", "a"), 0
	const lasts = time.Hour
	for now := noon; now.Before(noon.Add(lasts)); now = now.Add(time.Second) {
		f.add(a, now)
		released += len(f.release(now))
	}
	if most := 8 + int(lasts/longestRelease); released < 10 || released > most {
		t.Errorf("released %d times in %s, want at most %d", released, lasts, most)
	}
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
