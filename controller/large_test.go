package controller

import (
	"fmt"
	"slices"
	"testing"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

func keyIn(namespace, name string) key {
	return inventory.NewKey(source.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, namespace, name)
}

// Few are in at once, a place goes to the next in line, and namespaces take turns.
func TestTheGateOfLargeSources(t *testing.T) {
	g := newGate()
	for n := range mostLarge {
		again := keyIn("a", fmt.Sprint(n))
		if first, second := g.enter(again), g.enter(again); !first || !second {
			t.Fatal("there is no place, or it is lost")
		}
	}
	for _, k := range []key{keyIn("a", "x"), keyIn("a", "x"), keyIn("a", "y"), keyIn("b", "z")} {
		if g.enter(k) {
			t.Fatalf("%v enters a full gate", k)
		}
	}
	if _, found := g.leave(keyIn("a", "x")); found {
		t.Error("one that only waits had a place")
	}
	var order []string
	for k, found := g.leave(keyIn("a", "0")); found; k, found = g.leave(k) {
		order = append(order, k.Name())
		if !g.enter(k) {
			t.Errorf("the place of %v isn't kept", k)
		}
	}
	if !slices.Equal(order, []string{"x", "z", "y"}) && !slices.Equal(order, []string{"z", "x", "y"}) {
		t.Errorf("they come in the order %v", order)
	}
	if !g.enter(keyIn("c", "new")) {
		t.Error("the place that everybody left isn't free")
	}
}

// A large source waits without a worker until there is a place, and is then looked at. Others go on. One
// that is gone by then passes its place on.
func TestLargeSourcesWaitForAPlace(t *testing.T) {
	c := newTestController(t, nil)
	store := newStore(t, c)
	c.writer = store
	serving(c, inventory.Whole)
	c.informed.Store(true)
	for n := range mostLarge {
		c.large.enter(keyIn("other", fmt.Sprint(n)))
	}
	var secrets []string
	for n := range 120 {
		secrets = append(secrets, fmt.Sprintf("secret-number-%d", n))
	}
	issuer := map[string]any{"cert-manager.io/cluster-issuer": "ca"}
	first := named(ingress(issuer, secrets...), "first")
	deleted, large := see(t, c, first), see(t, c, named(ingress(issuer, secrets...), "large"))
	small := see(t, c, named(ingress(issuer, "small"), "small"))
	c.queue.soon(deleted, large, small)
	drain(t, c)
	goes(t, c, first)
	if made := store.all(); len(made) != 1 || made["small"] == nil {
		t.Fatalf("%d Certificates are made, want that of the small source alone", len(made))
	}
	c.leave(keyIn("other", "0"))
	drain(t, c)
	if made := len(store.all()); made != 1+len(secrets) {
		t.Errorf("%d Certificates are made once there is a place", made)
	}
	if !c.large.enter(keyIn("other", "0")) {
		t.Error("the large source keeps its place")
	}
}
