package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/certshim/certshim/access"
)

// off is the listen address that serves nothing.
const off = "0"

// Limits of the listeners, which anybody in the cluster may reach: a request is answered or refused,
// and connections whose peer doesn't read or write are closed.
const (
	maxMetricsConnections = 64
	maxHealthConnections  = 512
	// maxProfilesConnections are on loopback.
	maxProfilesConnections = 4
	maxScrapes             = 4
	scrapeTimeout          = 10 * time.Second
	maxHeader              = 8 << 10
)

// serve opens the listeners for metrics and for health, and serves in the background until the
// context ends. Health has a listener of its own, so that probes are answered while the other is
// overloaded.
func (c *Controller) serve(ctx context.Context) error {
	metrics, err := c.metricsServer()
	if err != nil {
		return fmt.Errorf("can't serve metrics: %w", err)
	}
	for _, one := range []struct {
		what, address string
		server        *http.Server
		connections   int
	}{
		{"metrics and health", c.config.MetricsListenAddress, metrics, maxMetricsConnections},
		{"health", c.config.HealthzListenAddress, c.healthServer(), maxHealthConnections},
		{"profiles", c.config.ProfilerAddress, profilesServer(), maxProfilesConnections},
	} {
		if one.address == off {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", one.address)
		if err != nil {
			return fmt.Errorf("can't listen for %s: %w", one.what, err)
		}
		go c.serveOn(ctx, newBoundedListener(listener, one.connections), one.server, one.what)
	}
	return nil
}

// serveOn serves until the context ends, and closes the listener.
func (c *Controller) serveOn(ctx context.Context, listener net.Listener, server *http.Server, what string) {
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	run := server.Serve
	if server.TLSConfig != nil {
		run = func(listener net.Listener) error { return server.ServeTLS(listener, "", "") }
	}
	if err := run(listener); !errors.Is(err, http.ErrServerClosed) {
		c.log.Error("a listener is no longer served", "listener", what, "error", err)
	}
}

func (c *Controller) metricsServer() (*http.Server, error) {
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		WriteTimeout: 2 * scrapeTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		// Handshakes that fail are the affair of who began them.
		Protocols: new(http.Protocols), ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	// A client of HTTP/2 could ask for many things at once.
	server.Protocols.SetHTTP1(true)
	settings := c.config.Metrics
	if settings.TLSCertFile != "" {
		certificate, err := access.ReadCertificate(settings.TLSCertFile, settings.TLSKeyFile, c.log)
		if err != nil {
			return nil, err
		}
		server.TLSConfig = certificate.Config()
	}
	guard := func(next http.Handler) http.Handler { return next }
	if settings.Authentication {
		reviewer, err := access.NewReviewer(c.base, "certshim/"+c.config.Version)
		if err != nil {
			return nil, err
		}
		guard = access.NewGuard(reviewer, c.log).Before
	}
	server.Handler = c.metricsHandler(guard)
	return server, nil
}

// profilesServer has time for a profile of the CPU.
func profilesServer() *http.Server {
	return &http.Server{Handler: access.Profiles(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: maxHeader}
}

func (c *Controller) healthServer() *http.Server {
	server := &http.Server{
		Handler: c.healthHandler(), ReadHeaderTimeout: 2 * time.Second, ReadTimeout: 2 * time.Second,
		WriteTimeout: 2 * time.Second, MaxHeaderBytes: maxHeader,
	}
	server.SetKeepAlivesEnabled(false)
	return server
}

// metricsHandler serves health as well, for those who probe there. The guard stands before the metrics.
func (c *Controller) metricsHandler(guard func(http.Handler) http.Handler) http.Handler {
	mux := c.healthHandler()
	mux.Handle("GET /metrics", guard(promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout, EnableOpenMetrics: true,
	})))
	return mux
}

func (c *Controller) healthHandler() *http.ServeMux {
	mux := http.NewServeMux()
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

// boundedListener limits how many connections are open at once. Others wait in the kernel.
type boundedListener struct {
	net.Listener
	places chan struct{}
}

func newBoundedListener(inner net.Listener, most int) *boundedListener {
	return &boundedListener{inner, make(chan struct{}, most)}
}

// Accept implements [net.Listener].
func (l *boundedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	connection, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConnection{connection, sync.OnceFunc(func() { <-l.places })}, nil
}

// boundedConnection gives its place back when it is closed.
type boundedConnection struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *boundedConnection) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
