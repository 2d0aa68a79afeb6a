package controller

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// unreachable is a watcher whose API server never answers.
func unreachable(t *testing.T) *watcher {
	t.Helper()
	c := newTestController(t, &script{})
	c.connection = &connection{config: &rest.Config{Host: "http://127.0.0.1:1"}, http: &http.Client{}}
	w := c.newWatcher()
	t.Cleanup(w.endAll)
	return w
}

func resourceOf(name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "g." + name, Version: "v1", Resource: name}
}

func TestOnlyWhatIsWantedIsWatched(t *testing.T) {
	w := unreachable(t)
	var forgotten []string
	want := func(name string, made any) watched {
		return watched{
			resource: resourceOf(name), made: made, handler: cache.ResourceEventHandlerFuncs{},
			transform: func(o any) (any, error) { return o, nil },
			forget:    func() { forgotten = append(forgotten, name) },
		}
	}
	running := func() []string {
		var names []string
		for resource := range w.feeds {
			names = append(names, resource.Resource)
		}
		slices.Sort(names)
		return names
	}
	update := func(unknown map[schema.GroupVersion]error, wanted ...watched) {
		forgotten = nil
		w.update(t.Context(), wanted, unknown)
	}
	update(nil, want("a", "1"), want("b", []string{"x"}))
	first := w.feeds[resourceOf("b")]
	update(nil, want("a", "2"), want("b", []string{"x"}))
	if got := running(); !slices.Equal(got, []string{"a", "b"}) || !slices.Equal(forgotten, []string{"a"}) {
		t.Errorf("running %v, forgotten %v", got, forgotten)
	}
	if w.feeds[resourceOf("b")] != first || !w.feeds[resourceOf("a")].anew || !w.rereads() {
		t.Error("what is made of something else is read anew, and nothing else")
	}
	update(map[schema.GroupVersion]error{{Group: "g.a", Version: "v2"}: context.DeadlineExceeded})
	if got := running(); !slices.Equal(got, []string{"a"}) || !slices.Equal(forgotten, []string{"b"}) {
		t.Errorf("with a group that could not be asked: running %v, forgotten %v", got, forgotten)
	}
	newer := want("a", "2")
	newer.resource.Version = "v2"
	update(nil, newer)
	if w.feeds[newer.resource] == nil || len(w.feeds) != 1 {
		t.Errorf("another version: running %v", w.feeds)
	}
}

// Two declarations may name a resource, of which one kind is wrong: the first is read, once.
func TestAResourceOfTwoKindsIsReadOnce(t *testing.T) {
	w := unreachable(t)
	want := func(made string) watched {
		return watched{
			resource: resourceOf("a"), made: made, handler: cache.ResourceEventHandlerFuncs{}, forget: func() {},
			transform: func(o any) (any, error) { return o, nil },
		}
	}
	both := []watched{want("first"), want("second")}
	w.update(t.Context(), both, nil)
	first := w.feeds[resourceOf("a")]
	w.update(t.Context(), both, nil)
	if f := w.feeds[resourceOf("a")]; f != first || f.made != "first" {
		t.Errorf("it is read anew, as %v", f.made)
	}
}

// A source that is read anew is gone for a moment, and nothing follows from that.
func TestNothingIsDecidedWhileObjectsAreReadAnew(t *testing.T) {
	writer := &script{}
	c := newTestController(t, writer)
	serving(c, true)
	k := see(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	told := len(c.told.sources[k])
	writer.requests = nil
	c.adopt(c.policy.Load())
	c.reconcile(t.Context(), k)
	c.memory.dropSource(k)
	c.reconcile(t.Context(), k)
	if len(writer.requests) > 0 || told == 0 || len(c.told.sources[k]) != told || len(c.waiting.sources[k]) == 0 {
		t.Errorf("requests %v; told %d, then %d; it waits for %v", writer.requests, told, len(c.told.sources[k]), c.waiting.sources[k])
	}
}

// A source that goes away while nothing can be decided is forgotten afterwards.
func TestASourceThatGoesWhileNothingIsDecidedIsForgotten(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	c.watcher = c.newWatcher()
	c.watcher.feeds[certificates] = &feed{watched: c.watchedCertificates(), attached: true}
	k := see(t, c, ingress(issuer, "tls"))
	c.reconcile(t.Context(), k)
	c.usage.set(k, strangeKind, time.Now())
	c.adopt(c.policy.Load())
	c.sourceGone(c.memory.dropSource(k))
	for c.queue.Len() > 0 {
		c.workOnOne(t.Context(), t.Context())
	}
	if len(c.told.sources) == 0 || len(c.waiting.sources) == 0 {
		t.Fatal("nothing was remembered of it")
	}
	c.settle(t.Context(), make(chan struct{}))
	for c.queue.Len() > 0 {
		c.workOnOne(t.Context(), t.Context())
	}
	if len(c.told.sources) > 0 || len(c.waiting.keys()) > 0 || len(c.usage.keys()) > 0 {
		t.Errorf("remembered are %v, %v, %v", c.told.keys(), c.waiting.keys(), c.usage.keys())
	}
}

func TestTheEndOfEachPeakOfMemoryIsTold(t *testing.T) {
	c := newTestController(t, &script{})
	serving(c, true)
	peaks := 0
	c.config.AfterPeak = func() { peaks++ }
	c.informed.Store(false)
	c.watcher = c.newWatcher()
	c.watcher.feeds[certificates] = &feed{watched: c.watchedCertificates(), attached: true}
	see(t, c, ingress(issuer, "tls"))
	if c.noteIdle(); peaks != 0 {
		t.Errorf("%d peaks ended before Certificates are in memory", peaks)
	}
	firstReady := make(chan struct{})
	c.settle(t.Context(), firstReady)
	c.settle(t.Context(), firstReady)
	if c.noteIdle(); peaks != 1 {
		t.Errorf("%d peaks ended once the lists are in memory, want 1", peaks)
	}
	for c.queue.Len() > 0 {
		c.workOnOne(t.Context(), t.Context())
	}
	c.noteIdle()
	if c.noteIdle(); peaks != 2 {
		t.Errorf("%d peaks ended once all is done, want 2", peaks)
	}
}

// permitting is an API server without any objects, that may refuse to watch them.
type permitting struct {
	refuse atomic.Bool
	lock   sync.Mutex
	// over ends the watches that run.
	over chan struct{}
}

func (p *permitting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("watch") == "" {
		_, _ = io.WriteString(w, `{"kind": "ThingList", "apiVersion": "g.a/v1", "metadata": {"resourceVersion": "1"}, "items": []}`)
		return
	}
	if p.refuse.Load() {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}`)
		return
	}
	p.lock.Lock()
	over := p.over
	p.lock.Unlock()
	_, _ = io.WriteString(w, `{"type": "BOOKMARK", "object": {"kind": "Thing", "apiVersion": "g.a/v1",
		"metadata": {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}}}`)
	w.(http.Flusher).Flush()
	select {
	case <-over:
	case <-r.Context().Done():
	}
}

// set ends the watches, and says whether others may begin.
func (p *permitting) set(refuse bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.refuse.Store(refuse)
	close(p.over)
	p.over = make(chan struct{})
}

// A resource without objects is known to be readable again by its watch alone; one that may be
// listed and not watched isn't readable.
func TestAResourceThatIsForbiddenForAWhile(t *testing.T) {
	api := &permitting{over: make(chan struct{})}
	server := httptest.NewServer(api)
	c := newTestController(t, &script{})
	c.connection = &connection{config: &rest.Config{Host: server.URL}, http: server.Client()}
	w := c.newWatcher()
	t.Cleanup(func() { api.set(true); w.endAll(); server.Close() })
	w.update(t.Context(), []watched{{
		resource: resourceOf("a"), handler: cache.ResourceEventHandlerFuncs{}, forget: func() {}, issuers: strangeKind,
		transform: func(o any) (any, error) { return o, nil },
	}}, nil)
	await := func(what string, is func() bool) {
		t.Helper()
		for !is() {
			select {
			case <-c.look:
			case <-time.After(time.Minute):
				t.Fatalf("%s: it doesn't come", what)
			}
		}
	}
	forbidden := func() float64 { return testutil.ToFloat64(c.metrics.forbidden.WithLabelValues(label(resourceOf("a")))) }
	await("all are known", func() bool { w.attach(t.Context()); return w.wholeIssuers()[strangeKind] })
	api.set(true)
	await("refused", func() bool { return forbidden() == 1 && !w.wholeIssuers()[strangeKind] })
	api.set(false)
	await("granted again", func() bool { return forbidden() == 0 && w.wholeIssuers()[strangeKind] })
}

// Of a resource in several namespaces each must be readable.
func TestAResourceThatIsForbiddenInOneNamespace(t *testing.T) {
	c := newTestController(t, &script{})
	c.watcher = c.newWatcher()
	f := &feed{refused: map[string]bool{}}
	refuse := apierrors.NewForbidden(schema.GroupResource{}, "", nil)
	for _, step := range []struct {
		change  func()
		blocked bool
	}{
		{func() { c.watcher.trouble(f, "a", refuse) }, true},
		{func() { c.watcher.trouble(f, "b", refuse) }, true},
		{func() { c.watcher.recovered(f, "a") }, true},
		{func() { c.watcher.recovered(f, "a") }, true},
		{func() { c.watcher.recovered(f, "b") }, false},
		{func() { c.watcher.trouble(f, "a", context.DeadlineExceeded) }, false},
	} {
		if step.change(); f.blocked() != step.blocked {
			t.Errorf("blocked: %v, want %v; refused in %v", f.blocked(), step.blocked, f.refused)
		}
	}
}
