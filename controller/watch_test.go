package controller

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

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
