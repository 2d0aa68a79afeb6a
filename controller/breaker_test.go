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

func newTestBreaker() *breaker {
	return newBreaker(prometheus.NewGauge(prometheus.GaugeOpts{Name: "pending"}))
}

func TestNoWriteWaitsWhileAllIsWell(t *testing.T) {
	b := newTestBreaker()
	if wait := b.wait(at("shop", "a"), noon); wait != 0 {
		t.Errorf("a write waits %s", wait)
	}
	if released := b.answered(); released != nil {
		t.Errorf("released: %v", released)
	}
	if got := testutil.ToFloat64(b.gauge); got != 0 {
		t.Errorf("pending: %v", got)
	}
}

func TestAWriteThatFailsHoldsBackAllOthers(t *testing.T) {
	b := newTestBreaker()
	if pause, report := b.failed(at("shop", "a"), noon); pause != firstPause || report {
		t.Errorf("the pause is %s, reported: %t", pause, report)
	}
	for elapsed, want := range map[time.Duration]time.Duration{0: firstPause, firstPause / 4: firstPause * 3 / 4, firstPause - 1: 1} {
		if wait := b.wait(at("other", "b"), noon.Add(elapsed)); wait != want {
			t.Errorf("after %s a write waits %s, want %s", elapsed, wait, want)
		}
	}
	if got := testutil.ToFloat64(b.gauge); got != 2 {
		t.Errorf("pending: %v", got)
	}
}

func TestOneWriteTriesWhetherTheWebhookIsBack(t *testing.T) {
	b := newTestBreaker()
	b.failed(at("shop", "a"), noon)
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
	b.failed(probe, now)
	want := firstPause
	for range 8 {
		now = now.Add(want)
		if wait := b.wait(probe, now); wait != 0 {
			t.Fatalf("the probe waits %s", wait)
		}
		want = min(2*want, longestPause)
		if pause, _ := b.failed(probe, now); pause != want {
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
		b.failed(at("shop", fmt.Sprint(i)), noon)
	}
	if b.pause != firstPause {
		t.Errorf("the pause is %s", b.pause)
	}
	probe := at("shop", "probe")
	b.wait(probe, noon.Add(firstPause))
	b.failed(at("shop", "late"), noon.Add(firstPause))
	if b.pause != firstPause || b.probe != probe {
		t.Errorf("the pause is %s, the probe %v", b.pause, b.probe)
	}
}

func TestAnAnswerReleasesAllThatWait(t *testing.T) {
	b := newTestBreaker()
	b.failed(at("shop", "a"), noon)
	b.wait(at("shop", "b"), noon)
	b.wait(at("shop", "b"), noon.Add(firstPause)) // the probe
	b.wait(at("shop", "d"), noon.Add(firstPause))
	released := b.answered()
	slices.SortFunc(released, func(x, y key) int { return cmp.Compare(x.Name(), y.Name()) })
	if want := []key{at("shop", "a"), at("shop", "b"), at("shop", "d")}; !slices.Equal(released, want) {
		t.Errorf("released %v, want %v", released, want)
	}
	if wait := b.wait(at("shop", "c"), noon); wait != 0 || testutil.ToFloat64(b.gauge) != 0 {
		t.Errorf("afterwards a write waits %s, pending %v", wait, testutil.ToFloat64(b.gauge))
	}
	if again := b.answered(); len(again) > 0 {
		t.Errorf("released twice: %v", again)
	}
	if pause, _ := b.failed(at("shop", "a"), noon.Add(time.Hour)); pause != firstPause {
		t.Errorf("the next outage begins with a pause of %s", pause)
	}
	if pause, _ := b.failed(at("shop", "b"), noon.Add(time.Hour)); pause != firstPause {
		t.Errorf("the probe of the last outage makes it a pause of %s", pause)
	}
	if next := b.answered(); len(next) != 2 {
		t.Errorf("the next outage releases %v", next)
	}
}

func TestAnOutageIsToldOnceAfterItHasLasted(t *testing.T) {
	b, a := newTestBreaker(), at("shop", "a")
	outage := func(begin time.Time) (tells int) {
		for now := begin; now.Before(begin.Add(3 * reportAfter)); now = now.Add(max(b.wait(a, now), time.Second)) {
			if _, report := b.failed(a, now); report {
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
	b.answered()
	if tells := outage(noon.Add(time.Hour)); tells != 1 {
		t.Errorf("the next outage is reported %d times", tells)
	}
}
