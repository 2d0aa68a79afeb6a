package cluster

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What fails for minutes is in the log once, and once more when it is over. A watch that begins and fails ends nothing.
func TestAResourceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := &notes{}
		w := &Feeds{
			Look: func() {}, Report: said.report,
			Log: slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
		}
		f := &feed{Resource: wanted("r", nil), feeds: w}
		failure := errors.New("can't decode it")
		pass := func(d time.Duration) func() { return func() { time.Sleep(d); synctest.Wait() } }
		fails, begins := func() { f.failed("shop", failure) }, func() { f.readable("shop") }
		refused := func() { f.refused("shop", apierrors.NewForbidden(schema.GroupResource{}, "", nil)) }
		const warning = "level=WARN msg=\"a resource can't be followed; what was known of it counts\" resource=r.g.r namespace=shop error=\"can't decode it\"\n"
		const over = "level=INFO msg=\"a resource is followed again\" resource=r.g.r namespace=shop\n"
		for i, step := range []struct {
			do      func()
			failing bool
			says    string
		}{
			{begins, false, ""},
			{fails, true, ""},
			{begins, true, ""},
			{pass(lasting - time.Second), true, ""},
			{fails, true, ""},
			{pass(time.Hour), true, ""},
			{fails, true, warning},
			{begins, true, ""},
			{fails, true, ""},
			{pass(time.Hour), true, ""},
			{begins, true, ""},
			{pass(lasting / 2), true, ""},
			{begins, true, ""},
			{pass(lasting / 2), false, over},
			{fails, true, ""},
			{begins, true, ""},
			{pass(lasting), false, ""},
			{fails, true, ""},
			{func() { refused(); said.take() }, false, ""},
			{pass(time.Hour), false, ""},
			{fails, true, ""},
		} {
			step.do()
			if last, text := said.take(); (last.Failing["shop"] != nil) != step.failing || text != step.says {
				t.Errorf("step %d: failing %v, and it says %q", i, last.Failing, text)
			}
		}
	})
}

// notes are what a feed logs and reports, from timers too.
type notes struct {
	lock sync.Mutex
	text strings.Builder
	last Status
}

func (n *notes) Write(text []byte) (int, error) {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.text.Write(text)
}

func (n *notes) report(s Status) {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.last = s
}

// take gives the last report, and what was logged since it was called before.
func (n *notes) take() (last Status, text string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	defer n.text.Reset()
	return n.last, n.text.String()
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Once all objects were read, a server may answer lists or watches by errors, or by what isn't JSON.
func TestWhatFailsAfterAllIsKnown(t *testing.T) {
	const down = http.StatusServiceUnavailable
	for name, row := range map[string]struct {
		fails func(w http.ResponseWriter, watches bool)
		want  string
	}{
		"503":                      {func(w http.ResponseWriter, _ bool) { w.WriteHeader(down) }, "unable to handle the request"},
		"watches that can't begin": {func(w http.ResponseWriter, watches bool) { onlyLists(w, watches, down, "") }, "unable to handle the request"},
		"watches that can't be read": {func(w http.ResponseWriter, watches bool) {
			onlyLists(w, watches, http.StatusOK, `{"type": "ADDED", "object": }`)
		}, "a watch ended after"},
		"what isn't JSON": {func(w http.ResponseWriter, _ bool) { _, _ = io.WriteString(w, "<html>") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &permitting{over: make(chan struct{})}
			var failing atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if failing.Load() {
					w.Header().Set("Content-Type", "application/json")
					row.fails(w, r.URL.Query().Get("watch") != "")
					return
				}
				api.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			w := feedsFrom(t, server.URL)
			t.Cleanup(func() { api.set(true) })
			failed := make(chan error, 1)
			w.Report = func(s Status) {
				if err := s.Failing[""]; failing.Load() && err != nil && strings.Contains(err.Error(), row.want) {
					select {
					case failed <- err:
					default:
					}
				}
			}
			w.Update(t.Context(), []Resource{wanted("a", nil)}, func(string) bool { return false })
			w.await(t, "all are known", func() bool { w.Attach(t.Context()); return w.Attached(resourceOf("a")) })
			failing.Store(true)
			api.set(false)
			select {
			case <-failed:
			case <-time.After(time.Minute):
				t.Error("nothing tells that it fails")
			}
		})
	}
}

func onlyLists(w http.ResponseWriter, watches bool, status int, body string) {
	if !watches {
		status, body = http.StatusOK, `{"kind": "ThingList", "apiVersion": "g.a/v1", "metadata": {"resourceVersion": "1"}, "items": []}`
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
