package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// taker takes Events as they come, or answers what answer says.
type taker struct {
	taken  []*eventsv1.Event
	answer func(*eventsv1.Event) error
}

func (s *taker) create(_ context.Context, e *eventsv1.Event) error {
	s.taken = append(s.taken, e)
	if s.answer == nil {
		return nil
	}
	return s.answer(e)
}

// taking is a reporter that sends to a taker as the controller does, until the test ends.
func taking(t *testing.T, again func(key, time.Duration)) (*reporter, *taker) {
	t.Helper()
	m := newMetrics(prometheus.NewRegistry(), Config{Version: "test"}, func() float64 { return 0 })
	r, s := newReporter(newRecorder(nil, m, slog.New(slog.DiscardHandler)), m, again), &taker{}
	r.record.create = s.create
	return r, s
}

// In a bubble of fake time: run sends for so long.
func (r *recorder) runFor(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	r.run(ctx)
}

func refOf(namespace, name string) source.Ref {
	return source.Ref{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: namespace, Name: name, UID: "uid-" + name}
}

// A tenant with 10,000 bad edits keeps nobody else waiting: the next in line is another
// namespace's. What is no longer true is not sent at all.
func TestAFloodOfOneTenantDelaysNobody(t *testing.T) {
	for name, objects := range map[string]int{"50 objects": 50, "10,000 objects": 10_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := taking(t, func(key, time.Duration) {})
				const edits = 10_000
				last := map[string]string{}
				for i := range edits {
					name, message := fmt.Sprint("web-", i%objects), fmt.Sprint("edit ", i)
					last[name] = message
					r.report(at("evil", name), found{source: refOf("evil", name), problems: []problem.Problem{bad(message)}}, time.Now())
				}
				r.record.runFor(t, (warningBurst+1)*time.Second/warningsPerSec)
				before := len(s.taken)
				r.report(at("good", "web"), found{source: refOf("good", "web"), problems: []problem.Problem{bad("a")}}, time.Now())
				r.record.runFor(t, time.Second)
				if got := len(s.taken) - before; objects > edits/2 && (got == 0 || got > warningsPerSec+1) {
					t.Errorf("%d Events within a second, the limit is %d", got, warningsPerSec)
				}
				told := false
				for _, e := range s.taken {
					told = told || e.Namespace == "good"
					if e.Namespace == "evil" && e.Note != last[e.Regarding.Name] {
						t.Fatalf("an outdated warning is sent: %s of %s", e.Note, e.Regarding.Name)
					}
				}
				if !told {
					t.Error("the other tenant's warning hasn't come within a second")
				}
				if got := testutil.ToFloat64(r.metrics.currentProblems.WithLabelValues("BadConfig", "error")); got != float64(objects+1) {
					t.Errorf("%v current problems, want %d", got, objects+1)
				}
			})
		})
	}
}

// What found no room in the line is asked for again once there is room, until all is told.
func TestWhatWasDroppedIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const objects = 400
		asked := map[key]bool{}
		r, s := taking(t, func(k key, _ time.Duration) { asked[k] = true })
		r.record.warnings.most = 100 * 2 * noticeSize
		tell := func(k key) {
			r.report(k, found{source: refOf("evil", k.Name()), problems: []problem.Problem{bad("a")}}, time.Now())
		}
		for i := range objects {
			tell(at("evil", fmt.Sprint("web-", i)))
		}
		r.report(at("good", "web"), found{source: refOf("good", "web"), problems: []problem.Problem{bad("a")}}, time.Now())
		if n := len(r.missed); n < objects/2 || r.missed[at("good", "web")] {
			t.Fatalf("%d were dropped, the other tenant's too: %v", n, r.missed[at("good", "web")])
		}
		for range 100 {
			r.record.runFor(t, time.Second)
			for k := range asked {
				delete(asked, k)
				tell(k)
			}
		}
		told := map[string]int{}
		for _, e := range s.taken {
			told[e.Regarding.Name+e.Namespace]++
			if told[e.Regarding.Name+e.Namespace] > 1 {
				t.Errorf("%s is told twice", e.Regarding.Name)
			}
		}
		if len(told) != objects+1 || len(r.missed) > 0 {
			t.Errorf("%d of %d are told, %d missed", len(told), objects+1, len(r.missed))
		}
	})
}

// An API server that takes no Events for a while gets them later, however long that is.
func TestAnEventThatFailsIsTriedUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *reporter
		var delays []time.Duration
		tell := func(k key) {
			r.report(k, found{source: refOf("shop", "web"), problems: []problem.Problem{bad("a")}}, time.Now())
		}
		r, s := taking(t, func(k key, after time.Duration) {
			delays = append(delays, after)
			time.AfterFunc(after, func() { tell(k) })
		})
		until := time.Now().Add(10 * time.Minute)
		s.answer = func(*eventsv1.Event) error {
			if time.Now().Before(until) {
				return errors.New("connection refused")
			}
			return nil
		}
		tell(at("shop", "web"))
		r.record.runFor(t, time.Hour)
		if n := len(delays); n < 5 || n > 20 || delays[0] != time.Second || delays[n-1] != longestPatience {
			t.Errorf("it was tried again after %v", delays)
		}
		if got := testutil.ToFloat64(r.metrics.events.WithLabelValues(eventSent)); got != 1 {
			t.Errorf("%v sent", got)
		}
		for _, e := range s.taken {
			if e.Name != s.taken[0].Name {
				t.Error("a try has another name, so that it may come twice")
			}
		}
	})
}

// What no later try can change isn't tried again, and what a namespace refuses that is being deleted
// isn't counted as a failure.
func TestWhatBecameOfAnEvent(t *testing.T) {
	events := schema.GroupResource{Group: "events.k8s.io", Resource: "events"}
	terminating := apierrors.NewForbidden(events, "e", errors.New("it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, row := range []struct {
		err    error
		result string
		again  bool
	}{
		{nil, eventSent, false},
		{apierrors.NewAlreadyExists(events, "e"), eventExists, false},
		{terminating, eventTerminating, false},
		{apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop"), eventTerminating, false},
		{apierrors.NewForbidden(events, "e", errors.New("no permission")), eventFailed, false},
		{apierrors.NewInvalid(schema.GroupKind{}, "e", nil), eventFailed, false},
		{apierrors.NewTooManyRequestsError("later"), eventFailed, true},
		{apierrors.NewInternalError(errors.New("etcd")), eventFailed, true},
		{context.DeadlineExceeded, eventFailed, true},
	} {
		if result, again := resultOf(row.err); result != row.result || again != row.again {
			t.Errorf("%v: %s, again: %v", row.err, result, again)
		}
	}
}

// Of a burst of what was done, namespaces get their share, and the rest is dropped.
func TestABurstOfWritesSharesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := taking(t, func(key, time.Duration) {})
		for i := range 5_000 {
			r.record.did(refOf("big", fmt.Sprint("web-", i)), createdReason, "made", time.Now())
		}
		r.record.did(refOf("small", "web"), createdReason, "made", time.Now())
		r.record.runFor(t, time.Hour)
		of := map[string]int{}
		for _, e := range s.taken {
			if of[e.Namespace]++; e.Type != corev1.EventTypeNormal {
				t.Fatalf("a %s Event", e.Type)
			}
		}
		dropped := int(testutil.ToFloat64(r.metrics.events.WithLabelValues(eventDropped)))
		if of["small"] != 1 || of["big"] < 100 || dropped == 0 || of["big"]+dropped != 5_000 {
			t.Errorf("sent %v, dropped %d", of, dropped)
		}
	})
}
