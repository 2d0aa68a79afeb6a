package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/client-go/rest"
)

func TestTheLimitOfRequests(t *testing.T) {
	for name, row := range map[string]struct {
		settings Settings
		fair     bool
		// want is the limit in requests a second; 0 is none.
		want   float32
		burst  int
		probes int64
	}{
		"left to a fair server":       {Settings{}, true, 0, 0, 1},
		"left to a server that isn't": {Settings{}, false, unfairQPS, unfairBurst, 1},
		"a burst alone":               {Settings{Burst: 7}, false, unfairQPS, 7, 1},
		"none":                        {Settings{QPS: -1}, false, 0, 0, 0},
		"explicit":                    {Settings{QPS: 5, Burst: 9}, true, 5, 9, 0},
		"explicit, without its burst": {Settings{QPS: 5}, true, 5, unfairBurst, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var probes atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodHead || r.URL.Path != "/livez/ping" || r.UserAgent() != "certshim/test" {
					t.Errorf("%s %s by %s", r.Method, r.URL.Path, r.UserAgent())
				}
				probes.Add(1)
				if row.fair {
					w.Header().Set(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID, "u")
				}
			}))
			defer server.Close()
			row.settings.UserAgent = "certshim/test"
			c, err := Connect(t.Context(), &rest.Config{Host: server.URL}, row.settings, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			var got float32
			if limiter := c.Events.RESTClient().GetRateLimiter(); limiter != nil {
				got = limiter.QPS()
				for range row.burst {
					if !limiter.TryAccept() {
						t.Error("the burst is too short")
					}
				}
			}
			if got != row.want || probes.Load() != row.probes {
				t.Errorf("limit %v, want %v; %d probes, want %d", got, row.want, probes.Load(), row.probes)
			}
			if limiter := c.Leases.RESTClient().GetRateLimiter(); limiter != nil {
				t.Errorf("the Lease has a limit of %v", limiter.QPS())
			}
		})
	}
}

// The limit is one for all clients.
func TestClientsShareTheLimit(t *testing.T) {
	c, err := Connect(t.Context(), &rest.Config{Host: unreachable}, Settings{QPS: 5}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c.config.RateLimiter == nil || c.Events.RESTClient().GetRateLimiter() != c.config.RateLimiter {
		t.Error("Events have a limit of their own")
	}
}

// An API server that doesn't answer is waited for, and that is logged once.
func TestConnectWaitsForTheServer(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) <= 2 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	var logged strings.Builder
	if _, err := Connect(t.Context(), &rest.Config{Host: server.URL}, Settings{}, slog.New(slog.NewTextHandler(&logged, nil))); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(logged.String(), "doesn't answer"); n != 1 || asked.Load() < 3 {
		t.Errorf("logged %d times, after %d probes: %s", n, asked.Load(), logged.String())
	}
}

func TestTheContextEndsTheWaitForTheServer(t *testing.T) {
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(hung)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-hung; cancel() }()
	began := time.Now()
	_, err := Connect(ctx, &rest.Config{Host: server.URL}, Settings{}, slog.New(slog.DiscardHandler))
	if !errors.Is(err, context.Canceled) || time.Since(began) > probeTimeout {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestAnAddressThatIsNoneIsAnError(t *testing.T) {
	if _, err := Connect(t.Context(), &rest.Config{Host: "http://[::1"}, Settings{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error")
	}
}

func TestAClientOfPathsThatCanNotBeMeantIsAnError(t *testing.T) {
	if _, err := connected(t, unreachable).Dynamic([]string{"spec."}, nil); err == nil {
		t.Error("no error")
	}
}
