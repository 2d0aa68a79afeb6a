package controller

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"
)

// Fifty Certificates that come back when they are told to change at the pace, each once.
func TestPace(t *testing.T) {
	p := newPace(10)
	waiting := map[types.NamespacedName]time.Time{}
	for i := range 50 {
		waiting[types.NamespacedName{Name: fmt.Sprint(i)}] = noon
	}
	var changed []time.Time
	for now := noon; len(waiting) > 0 && now.Before(noon.Add(time.Hour)); now = now.Add(time.Second) {
		for name, next := range waiting {
			if now.Before(next) {
				continue
			}
			if wait := p.due(name, now); wait > 0 {
				waiting[name] = now.Add(wait)
				continue
			}
			delete(waiting, name)
			changed = append(changed, now)
		}
	}
	for i := 10; i < len(changed); i++ {
		if changed[i].Sub(changed[i-10]) < time.Minute {
			t.Errorf("changes %d to %d within %s", i-10, i, changed[i].Sub(changed[i-10]))
		}
	}
	if took := changed[len(changed)-1].Sub(noon); len(changed) != 50 || took > 5*time.Minute {
		t.Errorf("%d changes took %s", len(changed), took)
	}
	if len(p.slots) != 0 {
		t.Errorf("slots left over: %v", p.slots)
	}
}

func TestAMissedSlotIsLost(t *testing.T) {
	p, late := newPace(10), types.NamespacedName{Name: "late"}
	p.due(types.NamespacedName{Name: "first"}, noon)
	p.due(late, noon)
	now := noon.Add(time.Minute)
	p.due(types.NamespacedName{Name: "second"}, now)
	if wait := p.due(late, now); wait <= 0 {
		t.Errorf("two changes at once")
	}
}

func TestNoChangesAtAll(t *testing.T) {
	if !newPace(0).never() || newPace(1).never() {
		t.Error("0 means none, 1 does not")
	}
}

func TestBreaker(t *testing.T) {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "pending"})
	b, a, c := newBreaker(gauge), at("shop", "a"), at("shop", "c")
	if wait := b.wait(a, noon); wait != 0 {
		t.Fatalf("all is well, but a write waits %s", wait)
	}
	b.failed(a, noon)
	if wait := b.wait(c, noon); wait != firstPause {
		t.Errorf("another write waits %s", wait)
	}
	if got := testutil.ToFloat64(gauge); got != 2 {
		t.Errorf("pending: %v", got)
	}
	now, tells := noon, 0
	for now.Before(noon.Add(tellAfter + time.Minute)) {
		now = now.Add(b.wait(a, now))
		if _, tell := b.failed(a, now); tell {
			tells++
			if now.Sub(noon) < tellAfter {
				t.Errorf("told after %s", now.Sub(noon))
			}
		}
	}
	if tells != 1 {
		t.Errorf("told %d times", tells)
	}
	if b.pause != longestPause {
		t.Errorf("the pause is %s", b.pause)
	}
	if released := b.answered(); len(released) != 2 {
		t.Errorf("released: %v", released)
	}
	if wait := b.wait(c, now); wait != 0 || testutil.ToFloat64(gauge) != 0 {
		t.Errorf("after it is back a write waits %s, pending %v", wait, testutil.ToFloat64(gauge))
	}
}

func TestOneWriteTriesWhetherTheWebhookIsBack(t *testing.T) {
	b := newBreaker(prometheus.NewGauge(prometheus.GaugeOpts{Name: "pending"}))
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
