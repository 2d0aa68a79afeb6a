package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// off is the listen address that serves nothing.
const off = "0"

// serve opens the listener for /metrics, /healthz and /readyz, and serves in the background
// until the context ends.
func (c *Controller) serve(ctx context.Context) error {
	if c.config.MetricsListenAddress == off {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.config.MetricsListenAddress)
	if err != nil {
		return fmt.Errorf("can't listen for metrics and health: %w", err)
	}
	go c.serveOn(ctx, listener)
	return nil
}

// serveOn serves until the context ends, and closes the listener.
func (c *Controller) serveOn(ctx context.Context, listener net.Listener) {
	server := &http.Server{Handler: c.handler(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		c.log.Error("metrics and health are no longer served", "error", err)
	}
}

func (c *Controller) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { ok(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !c.ready.Load() {
			http.Error(w, "not ready: the enabled kinds, or Certificates, are not all known yet", http.StatusServiceUnavailable)
			return
		}
		ok(w)
	})
	return mux
}

// ok answers a probe; one that hung up meanwhile needs no answer.
func ok(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok\n") }
