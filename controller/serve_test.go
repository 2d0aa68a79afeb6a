package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

func ask(t *testing.T, handler http.Handler, method, path string) (code int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer.Code, answer.Body.String()
}

// open lets everybody in.
func open(next http.Handler) http.Handler { return next }

func metricsServer(t *testing.T, c *Controller) *http.Server {
	t.Helper()
	server, err := c.metricsServer()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestProbes(t *testing.T) {
	c := newTestController(t, &script{})
	for name, handler := range map[string]http.Handler{"metrics": c.metricsHandler(open), "health": c.healthHandler()} {
		t.Run(name, func(t *testing.T) {
			c.ready.Store(false)
			probe(t, c, handler)
		})
	}
	if code, _ := ask(t, c.healthHandler(), "GET", "/metrics"); code != http.StatusNotFound {
		t.Errorf("the listener for health answers /metrics with %d", code)
	}
}

func probe(t *testing.T, c *Controller, handler http.Handler) {
	t.Helper()
	if code, body := ask(t, handler, "GET", "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not all known yet") {
		t.Errorf("at the start /readyz answers %d: %s", code, body)
	}
	c.ready.Store(true)
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := ask(t, handler, "GET", path); code != http.StatusOK || body != "ok\n" {
			t.Errorf("%s answers %d: %s", path, code, body)
		}
		if code, _ := ask(t, handler, "HEAD", path); code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, code)
		}
	}
	c.ready.Store(false)
	if code, _ := ask(t, handler, "GET", "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("a kind is lost, and /readyz answers %d", code)
	}
	if code, _ := ask(t, handler, "GET", "/healthz"); code != http.StatusOK {
		t.Errorf("not ready, and /healthz answers %d", code)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	handler := newTestController(t, &script{}).metricsHandler(open)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if code, _ := ask(t, handler, method, path); code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
	}
	for _, path := range []string{"/", "/debug/pprof/", "/healthz/etcd"} {
		if code, _ := ask(t, handler, "GET", path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// Series with known labels are there before anything was counted, and those that say how it is
// now follow it.
func TestMetrics(t *testing.T) {
	c := newTestController(t, &script{})
	hasAll := func(series ...string) {
		t.Helper()
		_, body := ask(t, c.metricsHandler(open), "GET", "/metrics")
		for _, line := range series {
			if !strings.Contains("\n"+body, "\n"+line+"\n") {
				t.Errorf("missing: %s", line)
			}
		}
	}
	hasAll(`certshim_writes_total{action="create",result="done"} 0`, `certshim_writes_total{action="takeover",result="webhook-down"} 0`,
		`certshim_current_problems{reason="BadConfig",severity="error"} 0`, `certshim_events_total{result="dropped"} 0`,
		`workqueue_adds_total{name="sources"} 0`, `certshim_event_to_write_seconds_count 0`, `certshim_queue_depth 0`, `certshim_pending_writes 0`, `certshim_leader 0`)
	web := at("shop", "web")
	c.queue.soon(web, at("shop", "api"))
	c.queue.inLine(at("shop", "listed"))
	c.breaker.failed(hook, web, noon)
	c.reporter.report(web, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("a"), bad("b")}}, noon)
	hasAll(`certshim_queue_depth 3`, `workqueue_depth{name="sources"} 3`, `certshim_pending_writes 1`, `certshim_current_problems{reason="BadConfig",severity="error"} 2`)
	c.reporter.report(web, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("b")}}, noon)
	c.breaker.answered(web)
	hasAll(`certshim_pending_writes 0`, `certshim_current_problems{reason="BadConfig",severity="error"} 1`,
		`certshim_problems_total{reason="BadConfig",severity="error"} 2`)
}

// Who scrapes by protocol buffers gets native histograms beside the classic ones, and OpenMetrics is spoken with who asks for it.
func TestMetricsInOtherForms(t *testing.T) {
	c := newTestController(t, &script{})
	c.metrics.eventToWrite.Observe(1)
	scrape := func(accept string) *httptest.ResponseRecorder {
		request, answer := httptest.NewRequest(http.MethodGet, "/metrics", nil), httptest.NewRecorder()
		request.Header.Set("Accept", accept)
		c.metricsHandler(open).ServeHTTP(answer, request)
		return answer
	}
	// What Prometheus asks with, where native histograms are on.
	answer := scrape("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.5")
	both := false
	for families := expfmt.NewDecoder(answer.Body, expfmt.ResponseFormat(answer.Header())); ; {
		var family dto.MetricFamily
		if err := families.Decode(&family); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if family.GetName() == "certshim_event_to_write_seconds" {
			h := family.GetMetric()[0].GetHistogram()
			both = len(h.GetPositiveSpan()) > 0 && len(h.GetBucket()) > 5
		}
	}
	if !both {
		t.Error("certshim_event_to_write_seconds hasn't both native and classic buckets")
	}
	answer = scrape("application/openmetrics-text; version=1.0.0")
	if kind := answer.Header().Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") || !strings.HasSuffix(answer.Body.String(), "\n# EOF\n") {
		t.Errorf("the answer is %s", kind)
	}
}

// What runs is told by the labels that others have, too.
func TestBuildInfo(t *testing.T) {
	c := newTestController(t, &script{}, func(c *Config) { c.Version, c.Revision = "v1.2.3", "0123abc" })
	want := fmt.Sprintf("\ncertshim_build_info{goarch=%q,goos=%q,goversion=%q,revision=\"0123abc\",version=\"v1.2.3\"} 1\n", runtime.GOARCH, runtime.GOOS, runtime.Version())
	if _, body := ask(t, c.metricsHandler(open), "GET", "/metrics"); !strings.Contains(body, want) {
		t.Errorf("there is no%s", want)
	}
}

// Profiles are served at an address of their own, if there is one, and nowhere else.
func TestProfilesAreServedByChoice(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, chosen := range []bool{false, true} {
		c := newTestController(t, &script{})
		c.config.MetricsListenAddress, c.config.HealthzListenAddress = off, off
		if chosen {
			c.config.ProfilerAddress = address
		}
		if err := c.serve(t.Context()); err != nil {
			t.Fatal(err)
		}
		answer, err := http.Get("http://" + address + "/debug/pprof/heap")
		if served := err == nil && answer.StatusCode == http.StatusOK; served != chosen {
			t.Errorf("chosen %v: served %v, %v", chosen, served, err)
		}
		if err == nil {
			_ = answer.Body.Close()
		}
	}
}

func TestTheListenerIsOff(t *testing.T) {
	c := newTestController(t, &script{})
	c.config.MetricsListenAddress, c.config.HealthzListenAddress = off, off
	if err := c.serve(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for what, set := range map[string]func(*Controller, string){
		"metrics and health": func(c *Controller, address string) { c.config.MetricsListenAddress = address },
		"listen for health":  func(c *Controller, address string) { c.config.HealthzListenAddress = address },
	} {
		c := newTestController(t, &script{})
		c.config.MetricsListenAddress, c.config.HealthzListenAddress = off, off
		set(c, taken.Addr().String())
		if err := c.serve(t.Context()); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestServingEndsWithTheContext(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := newTestController(t, &script{})
	var log bytes.Buffer
	c.log = slog.New(slog.NewTextHandler(&log, nil))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.serveOn(ctx, listener, c.healthServer(), "health")
	}()
	response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != "ok\n" || response.Body.Close() != nil {
		t.Errorf("it answers %q: %v", body, err)
	}
	stop()
	<-ended
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it listens still")
	}
	if log.Len() > 0 {
		t.Errorf("an orderly end is logged: %s", log.String())
	}
}

// Two thousand connections that ask for metrics and never read take a bounded number of places, and leave
// the probes alone.
func TestHealthAnswersWhileTheMetricsListenerIsFull(t *testing.T) {
	c := newTestController(t, &script{})
	listen := func() net.Listener {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return listener
	}
	metrics, health := newBoundedListener(listen(), maxMetricsConnections), newBoundedListener(listen(), maxHealthConnections)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.serveOn(ctx, metrics, metricsServer(t, c), "metrics") })
	running.Go(func() { c.serveOn(ctx, health, c.healthServer(), "health") })
	before := runtime.NumGoroutine()
	var flood []net.Conn
	for range 2000 {
		connection, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", metrics.Addr().String())
		if err != nil {
			// The kernel keeps no more waiting.
			break
		}
		flood = append(flood, connection)
		_, _ = io.WriteString(connection, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 100))
	}
	for range 3 {
		answer, err := http.Get("http://" + health.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(answer.Body); string(body) != "ok\n" || answer.Body.Close() != nil || !answer.Close {
			t.Errorf("it answers %q, closes: %v: %v", body, answer.Close, err)
		}
	}
	if open := len(metrics.places); len(flood) < 2*maxMetricsConnections || open != maxMetricsConnections {
		t.Errorf("of %d connections %d are open", len(flood), open)
	}
	// A connection takes two goroutines, and a request in it two more.
	if n := runtime.NumGoroutine() - before; n > 5*maxMetricsConnections {
		t.Errorf("%d goroutines more", n)
	}
	for _, connection := range flood {
		_ = connection.Close()
	}
	stop()
	running.Wait()
	if len(health.places) > 0 {
		t.Errorf("%d places are never given back", len(health.places))
	}
}

// Whoever doesn't read, says nothing or says too much is hung up on, and scrapes don't pile up.
func TestListenersHaveLimits(t *testing.T) {
	c := newTestController(t, &script{})
	for name, server := range map[string]*http.Server{"metrics": metricsServer(t, c), "health": c.healthServer()} {
		if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.MaxHeaderBytes != maxHeader {
			t.Errorf("%s: a limit is missing: %+v", name, server)
		}
	}
	if metricsServer(t, c).IdleTimeout == 0 {
		t.Error("idle connections stay for ever")
	}
	collecting, release := make(chan struct{}, maxScrapes+1), make(chan struct{})
	c.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slow"}, func() float64 {
		collecting <- struct{}{}
		<-release
		return 0
	}))
	handler := c.metricsHandler(open)
	var scrapes sync.WaitGroup
	for range maxScrapes {
		scrapes.Go(func() {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
		})
	}
	for range maxScrapes {
		<-collecting
	}
	// One that only takes too long has the same code.
	if code, body := ask(t, handler, http.MethodGet, "/metrics"); code != http.StatusServiceUnavailable || !strings.Contains(body, "Limit of concurrent requests") {
		t.Errorf("one more scrape is answered by %d: %s", code, body)
	}
	close(release)
	scrapes.Wait()
}
