package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/resolver"
)

func shopTLS(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

func TestWhatVanishesIsMadeAgainEverMoreSlowly(t *testing.T) {
	c, now := newCreates(), noon
	if wait := c.wait("u", shopTLS("tls"), now); wait != 0 {
		t.Errorf("the first one waits %s", wait)
	}
	for _, want := range []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second, 128 * time.Second, 256 * time.Second, longestRemake, longestRemake} {
		c.made("u", shopTLS("tls"), now)
		now = now.Add(time.Second)
		if wait := c.wait("u", shopTLS("tls"), now); wait != want {
			t.Errorf("it waits %s, want %s", wait, want)
		}
		if wait := c.wait("u", shopTLS("tls"), now.Add(want)); wait != 0 {
			t.Errorf("after that time it waits %s", wait)
		}
		now = now.Add(want)
	}
	for _, other := range [][2]string{{"u", "other"}, {"another", "tls"}} {
		if wait := c.wait(other[0], shopTLS(other[1]), now); wait != 0 {
			t.Errorf("%v waits %s", other, wait)
		}
	}
}

func TestWhatHasLastedIsMadeAgainAtOnce(t *testing.T) {
	c, now := newCreates(), noon
	for range 5 {
		c.made("u", shopTLS("tls"), now)
		now = now.Add(vanishing)
		if wait := c.wait("u", shopTLS("tls"), now); wait != 0 {
			t.Errorf("it waits %s", wait)
		}
	}
	if len(c.by) > 0 {
		t.Errorf("%d are remembered", len(c.by))
	}
}

func TestTheMemoryOfWhatWasMadeIsBounded(t *testing.T) {
	c := newCreates()
	for i := range 2 * maxMade {
		c.made("u", shopTLS(fmt.Sprint(i)), noon)
	}
	if len(c.by) > maxMade || len(c.by) < maxMade/2 {
		t.Errorf("%d are remembered", len(c.by))
	}
	for i := range maxMade {
		c.made("u", shopTLS(fmt.Sprint("later", i)), noon.Add(vanishing))
	}
	if len(c.by) != maxMade {
		t.Errorf("%d are remembered, though all others have lasted", len(c.by))
	}
}

// refused is the status of a feed that may not be read in some namespaces.
func refused(t *testing.T, namespaces ...string) cluster.Status {
	s := cluster.Status{Kind: resolver.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, Resource: ingressKind(t).Resources()[0]}
	for _, namespace := range namespaces {
		if s.Refused == nil {
			s.Refused = map[string]error{}
		}
		s.Refused[namespace] = noPermission()
	}
	return s
}

// What is in memory of a kind that can't be watched may be gone, and then the garbage collector
// removes what is made for it.
func TestNothingIsMadeForSourcesThatCanNotBeWatched(t *testing.T) {
	for _, namespaces := range [][]string{{""}, {"shop"}, {"other", "shop"}} {
		writer := &script{}
		c := newTestController(t, writer)
		k := see(t, c, ingress(issuer, "tls"))
		c.feedChanged(refused(t, namespaces...))
		if next := c.reconcile(t.Context(), k); next != (requeue{}) || len(writer.requests) > 0 {
			t.Errorf("%v are refused: %+v, requests %v", namespaces, next, writer.requests)
		}
		if released := c.creates.feedChanged(refused(t)); !slices.Equal(released, []key{k}) {
			t.Errorf("%v can be watched again: released are %v", namespaces, released)
		}
		if c.reconcile(t.Context(), k); !slices.Equal(writer.requests, []string{"apply tls"}) {
			t.Errorf("then requests are %v", writer.requests)
		}
	}
	writer := &script{}
	c := newTestController(t, writer)
	c.feedChanged(refused(t, "other"))
	if c.reconcile(t.Context(), see(t, c, ingress(issuer, "tls"))); len(writer.requests) != 1 {
		t.Errorf("another namespace is refused: requests %v", writer.requests)
	}
}

func TestACertificateThatIsCollectedIsNotMadeInALoop(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	reads(c, func() (*unstructured.Unstructured, error) { return ingress(issuer, "tls"), nil })
	k := see(t, c, ingress(issuer, "tls"))
	var next requeue
	for range 100 {
		next = c.reconcile(t.Context(), k)
		// The watch shows that it was made and collected.
		c.inventory.ExpectNothing(shopTLS("tls"))
	}
	if len(writer.requests) != 2 {
		t.Errorf("it was made %d times", len(writer.requests))
	}
	if next.after <= 0 || next.after > firstRemake {
		t.Errorf("it is made again after %s", next.after)
	}
}
