package controller

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

func ask(t *testing.T, handler http.Handler, method, path string) (code int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer.Code, answer.Body.String()
}

func TestProbes(t *testing.T) {
	c := newTestController(t, &script{})
	handler := c.handler()
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
	handler := newTestController(t, &script{}).handler()
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
		_, body := ask(t, c.handler(), "GET", "/metrics")
		for _, line := range series {
			if !strings.Contains("\n"+body, "\n"+line+"\n") {
				t.Errorf("missing: %s", line)
			}
		}
	}
	hasAll(`certshim_writes_total{action="create",result="done"} 0`, `certshim_writes_total{action="takeover",result="webhook-down"} 0`,
		`certshim_current_problems{reason="BadConfig",severity="error"} 0`, `certshim_events_total{result="dropped"} 0`,
		`certshim_build_info{version=""} 1`, `certshim_queue_depth 0`, `certshim_pending_writes 0`, `certshim_leader 0`)
	web := at("shop", "web")
	c.queue.soon(web, at("shop", "api"))
	c.queue.inLine(at("shop", "listed"))
	c.breaker.failed(web, noon)
	c.reporter.report(web, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("a"), bad("b")}}, noon)
	hasAll(`certshim_queue_depth 3`, `certshim_pending_writes 1`, `certshim_current_problems{reason="BadConfig",severity="error"} 2`)
	c.reporter.report(web, found{source: source.Ref{Name: "web"}, problems: []problem.Problem{bad("b")}}, noon)
	c.breaker.answered()
	hasAll(`certshim_pending_writes 0`, `certshim_current_problems{reason="BadConfig",severity="error"} 1`,
		`certshim_problems_total{reason="BadConfig",severity="error"} 2`)
}

func TestTheListenerIsOff(t *testing.T) {
	c := newTestController(t, &script{})
	c.config.MetricsListenAddress = off
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
	c := newTestController(t, &script{})
	c.config.MetricsListenAddress = taken.Addr().String()
	if err := c.serve(t.Context()); err == nil || !strings.Contains(err.Error(), "metrics and health") || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("error: %v", err)
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
		c.serveOn(ctx, listener)
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
