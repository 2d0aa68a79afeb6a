package controller

import (
	"fmt"
	"testing"

	"github.com/certshim/certshim/inventory"
)

// many is a controller with sources that share one issuer, each with its Certificate.
func many(t *testing.T, sources int) (*Controller, *store) {
	t.Helper()
	c := newTestController(t, nil)
	serving(c, inventory.Whole)
	s := newStore(t, c)
	c.writer = s
	seeIssuer(t, issuersOf(t, c, issuerKind), issuerNamed("ca", "True"))
	for i := range sources {
		appear(t, c, fmt.Sprint("web-", i))
	}
	if n := lookAtAll(t, c); n != sources || len(s.applied) != sources {
		t.Fatalf("%d looked at, %d Certificates", n, len(s.applied))
	}
	lookAtAll(t, c)
	return c, s
}

func appear(t *testing.T, c *Controller, name string) {
	t.Helper()
	see(t, c, named(ingress(issuer, name), name))
}

// lookAtAll empties the queue as the workers do, and says how many sources were in it.
func lookAtAll(t *testing.T, c *Controller) (looked int) {
	t.Helper()
	for ; c.queue.Len() > 0; looked++ {
		c.workOnOne(t.Context(), t.Context())
	}
	return looked
}

// Of 10,000 sources on one issuer, what becomes of its readiness concerns those that wait for
// it, and leads to no request.
func TestReadinessFlipsUnderTenThousandSources(t *testing.T) {
	const sources, late, flips = 10_000, 5, 20
	c, s := many(t, sources)
	w := issuersOf(t, c, issuerKind)
	flip := func(ready string) int {
		seeIssuer(t, w, issuerNamed("ca", ready))
		return lookAtAll(t, c)
	}
	for range flips {
		if n := flip("False") + flip("True"); n > 0 {
			t.Fatalf("%d of those that have their Certificates are looked at", n)
		}
	}
	flip("False")
	for i := range late {
		appear(t, c, fmt.Sprint("late-", i))
	}
	lookAtAll(t, c)
	if len(s.applied) != sources+late {
		t.Fatalf("%d Certificates", len(s.applied))
	}
	clear(s.applied)
	if n := flip("True"); n != late {
		t.Errorf("%d are looked at, where %d wait", n, late)
	}
	if n := flip("False") + flip("True"); n > 0 || len(s.applied)+s.deleted > 0 {
		t.Errorf("%d are looked at once more, %d writes", n, len(s.applied)+s.deleted)
	}
}
