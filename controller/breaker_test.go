package controller

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const hook = "webhook.example.com"

func newTestBreaker() *breaker {
	return newBreaker(prometheus.NewGauge(prometheus.GaugeOpts{Name: "pending"}))
}

func TestNoWriteWaitsWhileAllIsWell(t *testing.T) {
	b := newTestBreaker()
	if wait := b.wait(at("shop", "a"), noon); wait != 0 {
		t.Errorf("a write waits %s", wait)
	}
	if released := b.answered(at("shop", "a")); released != nil {
		t.Errorf("released: %v", released)
	}
	if got := testutil.ToFloat64(b.gauge); got != 0 {
		t.Errorf("pending: %v", got)
	}
}

func TestAWriteThatFailsHoldsBackTheOthersOfItsNamespace(t *testing.T) {
	b := newTestBreaker()
	if pause, report := b.failed(hook, at("shop", "a"), noon); pause != firstPause || report {
		t.Errorf("the pause is %s, reported: %t", pause, report)
	}
	for elapsed, want := range map[time.Duration]time.Duration{0: firstPause, firstPause / 4: firstPause * 3 / 4, firstPause - 1: 1} {
		if wait := b.wait(at("shop", "b"), noon.Add(elapsed)); wait != want {
			t.Errorf("after %s a write waits %s, want %s", elapsed, wait, want)
		}
		if wait := b.wait(at("other", "b"), noon.Add(elapsed)); wait != 0 {
			t.Errorf("after %s a write of another namespace waits %s", elapsed, wait)
		}
	}
	if got := testutil.ToFloat64(b.gauge); got != 2 {
		t.Errorf("pending: %v", got)
	}
}

func TestOneWriteTriesWhetherTheWebhookIsBack(t *testing.T) {
	b := newTestBreaker()
	b.failed(hook, at("shop", "a"), noon)
	now, through := noon.Add(firstPause), 0
	for i := range 10 {
		if b.wait(at("shop", fmt.Sprint(i)), now) == 0 {
			through++
		}
	}
	if through != 1 {
		t.Errorf("%d writes got through", through)
	}
}

func TestThePauseDoublesWithEachProbeThatFails(t *testing.T) {
	b, now := newTestBreaker(), noon
	probe := at("shop", "probe")
	b.failed(hook, probe, now)
	want := firstPause
	for range 8 {
		now = now.Add(want)
		if wait := b.wait(probe, now); wait != 0 {
			t.Fatalf("the probe waits %s", wait)
		}
		want = min(2*want, longestPause)
		if pause, _ := b.failed(hook, probe, now); pause != want {
			t.Errorf("the pause is %s, want %s", pause, want)
		}
	}
	if want != longestPause {
		t.Errorf("it never came to %s", longestPause)
	}
}

// Writes that were underway when the webhook went down fail one after another.
func TestOnlyTheProbeDoublesThePause(t *testing.T) {
	b := newTestBreaker()
	for i := range 10 {
		b.failed(hook, at("shop", fmt.Sprint(i)), noon)
	}
	o := b.outages[hook]
	if o.pause != firstPause {
		t.Errorf("the pause is %s", o.pause)
	}
	probe := at("shop", "probe")
	b.wait(probe, noon.Add(firstPause))
	b.failed(hook, at("shop", "late"), noon.Add(firstPause))
	if o.pause != firstPause || o.probe != probe {
		t.Errorf("the pause is %s, the probe %v", o.pause, o.probe)
	}
}

func TestAnAnswerReleasesAllThatWait(t *testing.T) {
	b := newTestBreaker()
	b.failed(hook, at("shop", "a"), noon)
	b.wait(at("shop", "b"), noon)
	b.wait(at("shop", "b"), noon.Add(firstPause)) // the probe
	b.wait(at("shop", "d"), noon.Add(firstPause))
	released := b.answered(at("shop", "a"))
	slices.SortFunc(released, func(x, y key) int { return cmp.Compare(x.Name(), y.Name()) })
	if want := []key{at("shop", "a"), at("shop", "b"), at("shop", "d")}; !slices.Equal(released, want) {
		t.Errorf("released %v, want %v", released, want)
	}
	if wait := b.wait(at("shop", "c"), noon); wait != 0 || testutil.ToFloat64(b.gauge) != 0 {
		t.Errorf("afterwards a write waits %s, pending %v", wait, testutil.ToFloat64(b.gauge))
	}
	if again := b.answered(at("shop", "a")); len(again) > 0 {
		t.Errorf("released twice: %v", again)
	}
	if pause, _ := b.failed(hook, at("shop", "a"), noon.Add(time.Hour)); pause != firstPause {
		t.Errorf("the next outage begins with a pause of %s", pause)
	}
	if pause, _ := b.failed(hook, at("shop", "b"), noon.Add(time.Hour)); pause != firstPause {
		t.Errorf("the probe of the last outage makes it a pause of %s", pause)
	}
	if next := b.answered(at("shop", "a")); len(next) != 2 {
		t.Errorf("the next outage releases %v", next)
	}
}

func TestAnOutageIsToldOnceAfterItHasLasted(t *testing.T) {
	b, a := newTestBreaker(), at("shop", "a")
	outage := func(begin time.Time) (tells int) {
		for now := begin; now.Before(begin.Add(3 * reportAfter)); now = now.Add(max(b.wait(a, now), time.Second)) {
			if _, report := b.failed(hook, a, now); report {
				tells++
				if now.Sub(begin) < reportAfter {
					t.Errorf("reported after %s", now.Sub(begin))
				}
			}
		}
		return tells
	}
	if tells := outage(noon); tells != 1 {
		t.Errorf("reported %d times", tells)
	}
	b.answered(at("shop", "a"))
	if tells := outage(noon.Add(time.Hour)); tells != 1 {
		t.Errorf("the next outage is reported %d times", tells)
	}
}

// A webhook that selects the objects of some namespaces is no reason to wait in others, nor does
// a write there show that it is back.
func TestNamespacesWaitForTheirOwnWebhooks(t *testing.T) {
	b := newTestBreaker()
	a, other, good := at("a", "web"), at("b", "web"), at("good", "web")
	b.failed(hook, a, noon)
	b.failed("second", other, noon)
	if released := b.answered(good); len(released) > 0 {
		t.Errorf("a write in a namespace that was never held back releases %v", released)
	}
	if released := b.answered(other); !slices.Equal(released, []key{other}) {
		t.Errorf("a write releases %v, want what waits for the webhook of its namespace", released)
	}
	if wait := b.wait(a, noon); wait != firstPause {
		t.Errorf("the first webhook doesn't answer yet, and a write waits %s", wait)
	}
	b.failed(hook, other, noon)
	if released := b.answered(other); len(released) != 2 {
		t.Errorf("the webhook answers in one namespace, and released are %v", released)
	}
	if got := testutil.ToFloat64(b.gauge); got != 0 {
		t.Errorf("pending: %v", got)
	}
}

func TestAWriteWaitsForEachOfItsWebhooks(t *testing.T) {
	b, a := newTestBreaker(), at("shop", "a")
	b.failed(hook, a, noon)
	b.failed("second", a, noon.Add(firstPause/2))
	if got := testutil.ToFloat64(b.gauge); got != 1 {
		t.Errorf("one source waits for two webhooks, pending are %v", got)
	}
	if wait := b.wait(a, noon.Add(firstPause)); wait != firstPause/2 {
		t.Errorf("it waits %s", wait)
	}
	if wait := b.wait(a, noon.Add(2*firstPause)); wait != 0 {
		t.Errorf("the probe waits %s", wait)
	}
}

// Once nobody has asked a webhook for long, a failure is the first of another outage.
func TestAnOutageThatNobodyMeetsAnyMoreEnds(t *testing.T) {
	b, a := newTestBreaker(), at("shop", "a")
	b.failed(hook, a, noon)
	if wait := b.wait(a, noon.Add(reportAfter)); wait != 0 || testutil.ToFloat64(b.gauge) != 0 {
		t.Errorf("a write waits %s, pending %v", wait, testutil.ToFloat64(b.gauge))
	}
	if pause, report := b.failed(hook, a, noon.Add(reportAfter)); pause != firstPause || report {
		t.Errorf("the pause is %s, reported: %t", pause, report)
	}
}
