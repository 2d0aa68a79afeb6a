package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

// at is the key of a source of some kind.
func at(namespace, name string) key { return inventory.NewKey(source.GroupKind{}, namespace, name) }

func newTestLanes() *lanes[key] { return newLanes(key.Namespace) }

func popAll(l *lanes[key]) []string {
	var names []string
	for l.Len() > 0 {
		names = append(names, l.Pop().Name())
	}
	return names
}

func pushFast(l *lanes[key], keys ...key) {
	for _, k := range keys {
		l.speedUp(k)
		l.Push(k)
	}
}

func pushSlowly(l *lanes[key], keys ...key) {
	for _, k := range keys {
		l.Push(k)
	}
}

// hurry is what the work queue does with a change of a key that is queued already.
func hurry(l *lanes[key], k key) {
	l.speedUp(k)
	l.Touch(k)
}

func TestChangesGoBeforeTheInitialList(t *testing.T) {
	l := newTestLanes()
	pushSlowly(l, at("a", "s1"), at("a", "s2"))
	pushFast(l, at("a", "f1"), at("a", "f2"))
	if diff := cmp.Diff([]string{"f1", "f2", "s1", "s2"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestEveryEighthTurnIsOfTheSlowLane(t *testing.T) {
	l := newTestLanes()
	pushSlowly(l, at("a", "slow"))
	for i := range 10 {
		pushFast(l, at("a", fmt.Sprint(i)))
	}
	if got := popAll(l); got[slowTurn-1] != "slow" {
		t.Errorf("order is %v", got)
	}
}

func TestNamespacesTakeTurns(t *testing.T) {
	for lane, push := range map[string]func(*lanes[key], ...key){"fast": pushFast, "slow": pushSlowly} {
		t.Run(lane, func(t *testing.T) {
			l := newTestLanes()
			push(l, at("a", "a1"), at("a", "a2"), at("a", "a3"), at("b", "b1"), at("b", "b2"))
			if diff := cmp.Diff([]string{"a1", "b1", "a2", "b2", "a3"}, popAll(l)); diff != "" {
				t.Error("(-want +got)", diff)
			}
		})
	}
}

// However much one tenant has queued, the single change of another waits for one turn of
// each namespace and of the slow lane.
func TestOneTenantNeverStandsBeforeAnother(t *testing.T) {
	const flood, quiet = 4000, 5
	for lane, push := range map[string]func(*lanes[key], ...key){"fast": pushFast, "slow": pushSlowly} {
		t.Run(lane, func(t *testing.T) {
			l := newTestLanes()
			for i := range flood {
				push(l, at("loud", fmt.Sprint(i)))
			}
			for i := range quiet {
				push(l, at(fmt.Sprint("quiet-", i), fmt.Sprint(i)))
			}
			for range 10 * slowTurn {
				l.Pop()
			}
			push(l, at("good", "web"))
			pops, most := 1, quiet+2+1
			for l.Pop() != at("good", "web") {
				pops++
			}
			if pops > most {
				t.Errorf("the change came %dth, want within %d", pops, most)
			}
		})
	}
}

// A start's list and a flood of changes at once: the flood takes no turns from the slow lane,
// the list none from the fast one.
func TestAFloodOfChangesLeavesTheSlowLaneItsTurns(t *testing.T) {
	l := newTestLanes()
	for i := range 1000 {
		pushSlowly(l, at("loud", fmt.Sprint("s", i)))
		pushFast(l, at("loud", fmt.Sprint("f", i)))
	}
	pushSlowly(l, at("good", "listed"))
	pushFast(l, at("good", "changed"))
	places := map[string]int{}
	for i, name := range popAll(l) {
		places[name] = i + 1
	}
	if places["changed"] > 2 || places["listed"] > 2*slowTurn {
		t.Errorf("the change came %dth, what was listed %dth", places["changed"], places["listed"])
	}
}

func TestAChangeMovesAKeyToTheFastLane(t *testing.T) {
	l := newTestLanes()
	pushSlowly(l, at("a", "s1"), at("a", "s2"), at("b", "s3"))
	hurry(l, at("a", "s2"))
	hurry(l, at("a", "s2")) // keeps its place
	l.Touch(at("a", "s2"))
	if l.Len() != 3 {
		t.Errorf("length is %d", l.Len())
	}
	if diff := cmp.Diff([]string{"s2", "s1", "s3"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestWhatMovedToTheFastLaneCostsItsNamespaceNoTurn(t *testing.T) {
	l := newTestLanes()
	pushSlowly(l, at("a", "moved"), at("a", "a1"), at("b", "b1"), at("b", "b2"))
	hurry(l, at("a", "moved"))
	if diff := cmp.Diff([]string{"moved", "a1", "b1", "b2"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestAMarkLastsForOneTurn(t *testing.T) {
	l := newTestLanes()
	pushFast(l, at("a", "f"))
	hurry(l, at("a", "f"))
	l.Pop()
	pushSlowly(l, at("a", "other"), at("a", "f"))
	if diff := cmp.Diff([]string{"other", "f"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// What went ahead in the fast lane and is queued again is in line where it was.
func TestWhatWentAheadKeepsItsPlaceInLine(t *testing.T) {
	l := newTestLanes()
	pushSlowly(l, at("a", "s1"), at("a", "s2"), at("a", "s3"))
	hurry(l, at("a", "s2"))
	if ahead := l.Pop(); ahead != at("a", "s2") {
		t.Errorf("%s came first", ahead.Name())
	}
	pushFast(l, at("a", "s2"))
	l.Pop()
	pushSlowly(l, at("a", "s2"))
	if diff := cmp.Diff([]string{"s1", "s2", "s3"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// A start queues every source: that takes no more than their entries in line.
func TestTheSlowLaneNeedsNoMarks(t *testing.T) {
	l := newTestLanes()
	for i := range 100 {
		pushSlowly(l, at("a", fmt.Sprint(i)))
	}
	if len(l.places) > 0 {
		t.Errorf("%d keys are marked", len(l.places))
	}
}

func TestEmptyLanesKeepNoMemory(t *testing.T) {
	l := newTestLanes()
	for i := range 100 {
		pushSlowly(l, at(fmt.Sprint(i%10), fmt.Sprint("s", i)))
		pushFast(l, at(fmt.Sprint(i%10), fmt.Sprint("f", i)))
	}
	full := l.places
	popAll(l)
	full[at("a", "only in the old map")] = hurried
	if len(l.places) != 0 {
		t.Error("the map that was full is still in use")
	}
	for name, lane := range map[string]lane[key]{"fast": l.fast, "slow": l.slow} {
		if lane.keys != nil || cap(lane.turns.in)+cap(lane.turns.out) != 0 {
			t.Errorf("the %s lane keeps %d namespaces and %d+%d turns", name, len(lane.keys), cap(lane.turns.in), cap(lane.turns.out))
		}
	}
}

// FuzzLanes: whatever the order of calls, each key that was pushed comes out once.
func FuzzLanes(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 64, 128, 192, 7, 7, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		l, inside := newTestLanes(), map[key]bool{}
		for _, b := range script {
			k := at(string('a'+rune(b>>3&3)), string('a'+rune(b&7)))
			switch b >> 6 {
			case 0:
				if inside[k] {
					l.Touch(k)
				}
			case 1:
				l.speedUp(k)
			case 2:
				if !inside[k] {
					l.Push(k)
					inside[k] = true
				}
			case 3:
				if len(inside) > 0 {
					popped := l.Pop()
					if !inside[popped] {
						t.Fatalf("%v was not in the queue", popped)
					}
					delete(inside, popped)
				}
			}
			if l.Len() != len(inside) {
				t.Fatalf("length is %d, want %d", l.Len(), len(inside))
			}
		}
		for l.Len() > 0 {
			delete(inside, l.Pop())
		}
		if len(inside) > 0 {
			t.Fatalf("never came out: %v", inside)
		}
	})
}
