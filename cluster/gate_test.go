package cluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
)

// The gate is shut once either clock has reached the end of the Lease.
func TestTheGateGoesByBothClocks(t *testing.T) {
	start := time.Now()
	for name, row := range map[string]struct {
		monotonic, wall time.Duration
		open            bool
	}{
		"at first":                       {0, 0, true},
		"just before the end":            {15*time.Second - 1, 15*time.Second - 1, true},
		"at the end":                     {15 * time.Second, 15 * time.Second, false},
		"after the machine slept":        {time.Second, time.Hour, false},
		"after the clock was set back":   {16 * time.Second, -time.Hour, false},
		"long before, by a clock set on": {time.Second, 16 * time.Second, false},
	} {
		g := &gate{
			now:  func() time.Time { return start.Add(row.monotonic) },
			wall: func() time.Time { return start.Round(0).Add(row.wall) },
		}
		if !g.open() {
			t.Errorf("%s: shut without an end", name)
		}
		until := func() time.Time { return start.Add(15 * time.Second) }
		g.until.Store(&until)
		if got := g.open(); got != row.open {
			t.Errorf("%s: open %v, want %v", name, got, row.open)
		}
	}
}

func TestTheGateReadsTheClocks(t *testing.T) {
	g := newGate()
	for _, row := range []struct {
		until time.Time
		open  bool
	}{{time.Now().Add(time.Hour), true}, {time.Now().Add(-1), false}, {time.Time{}, false}} {
		until := func() time.Time { return row.until }
		if g.until.Store(&until); g.open() != row.open {
			t.Errorf("until %s: open %v", row.until, !row.open)
		}
	}
}

// counting is an API server that notes the methods of its requests.
func counting(t *testing.T) (address string, methods func() []string) {
	t.Helper()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"tls","resourceVersion":"8"}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string { defer func() { seen = nil }(); return seen }
}

func TestAWriteAfterTheLeaseIsNotSent(t *testing.T) {
	address, methods := counting(t)
	c := connected(t, address)
	writer, err := c.Writer()
	if err != nil {
		t.Fatal(err)
	}
	name := types.NamespacedName{Namespace: "shop", Name: "tls"}
	requests := map[string]func(context.Context) error{
		http.MethodPatch: func(ctx context.Context) error {
			_, err := writer.Apply(ctx, name, map[string]any{"kind": "Certificate"}, CreateOnly(), false)
			return err
		},
		"takeover":        func(ctx context.Context) error { _, err := writer.Patch(ctx, name, []byte(`[]`)); return err },
		http.MethodDelete: func(ctx context.Context) error { return writer.Delete(ctx, name, certificate.Guard{UID: "u"}) },
	}
	var until time.Time
	for kind, send := range requests {
		if err := send(t.Context()); err != nil || len(methods()) != 1 {
			t.Errorf("%s without a gate: %v", kind, err)
		}
	}
	c.Gate(func() time.Time { return until })
	for kind, send := range requests {
		until = time.Time{}
		if err := send(t.Context()); !errors.Is(err, ErrLeaseOver) || AnswerOf(err) != Unsent || len(methods()) != 0 {
			t.Errorf("%s after the Lease: %v", kind, err)
		}
		until = time.Now().Add(time.Hour)
		if err := send(t.Context()); err != nil || len(methods()) != 1 {
			t.Errorf("%s while the Lease is held: %v", kind, err)
		}
	}
}

func TestReadsAndTheLeaseItselfAreNotGated(t *testing.T) {
	address, methods := counting(t)
	c := connected(t, address)
	c.Gate(func() time.Time { return time.Time{} })
	writer, err := c.Writer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "tls"}); err != nil {
		t.Errorf("get: %v", err)
	}
	// What this server answers is no Lease; that it was asked is enough.
	_, _ = c.Leases.Leases("shop").Update(t.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l"}}, metav1.UpdateOptions{})
	if got := methods(); !slices.Equal(got, []string{http.MethodGet, http.MethodPut}) {
		t.Errorf("the server saw %v", got)
	}
}
