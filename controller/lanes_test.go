package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func at(namespace, name string) key { return key{namespace: namespace, name: name} }

func popAll(l *lanes) []string {
	var names []string
	for l.Len() > 0 {
		names = append(names, l.Pop().name)
	}
	return names
}

func pushSlowly(l *lanes, keys ...key) {
	for _, k := range keys {
		l.slowDown(k)
		l.Push(k)
	}
}

func TestChangesGoBeforeTheInitialList(t *testing.T) {
	l := newLanes()
	pushSlowly(l, at("a", "s1"), at("a", "s2"))
	l.Push(at("a", "f1"))
	l.Push(at("a", "f2"))
	if diff := cmp.Diff([]string{"f1", "f2", "s1", "s2"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestEveryEighthTurnIsOfTheSlowLane(t *testing.T) {
	l := newLanes()
	pushSlowly(l, at("a", "slow"))
	for i := range 10 {
		l.Push(at("a", fmt.Sprint(i)))
	}
	if got := popAll(l); got[slowTurn-1] != "slow" {
		t.Errorf("order is %v", got)
	}
}

func TestNamespacesTakeTurns(t *testing.T) {
	l := newLanes()
	pushSlowly(l, at("a", "a1"), at("a", "a2"), at("a", "a3"), at("b", "b1"), at("b", "b2"))
	if diff := cmp.Diff([]string{"a1", "b1", "a2", "b2", "a3"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestAChangeMovesAKeyToTheFastLane(t *testing.T) {
	l := newLanes()
	pushSlowly(l, at("a", "s1"), at("a", "s2"), at("b", "s3"))
	l.speedUp(at("a", "s2"))
	l.slowDown(at("a", "s2")) // keeps its place
	if l.Len() != 3 {
		t.Errorf("length is %d", l.Len())
	}
	if diff := cmp.Diff([]string{"s2", "s1", "s3"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

func TestAMarkLastsForOneTurn(t *testing.T) {
	l := newLanes()
	pushSlowly(l, at("a", "s"))
	l.Pop()
	pushSlowly(l, at("a", "other"))
	l.Push(at("a", "s"))
	if diff := cmp.Diff([]string{"s", "other"}, popAll(l)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// FuzzLanes: whatever the order of calls, each key that was pushed comes out once.
func FuzzLanes(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 64, 128, 192, 7, 7, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		l, inside := newLanes(), map[key]bool{}
		for _, b := range script {
			k := at(string('a'+rune(b>>3&3)), string('a'+rune(b&7)))
			switch b >> 6 {
			case 0:
				l.slowDown(k)
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
	})
}
