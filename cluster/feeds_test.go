package cluster

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/resolver"
)

// connected gives a connection to a server that is never probed.
func connected(t *testing.T, address string) *Connection {
	t.Helper()
	c, err := Connect(t.Context(), &rest.Config{Host: address}, Settings{QPS: -1}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// feeding are feeds from one server, and what they tell.
type feeding struct {
	*Feeds
	look     chan struct{}
	lock     sync.Mutex
	reported map[string]Status
}

func feedsFrom(t *testing.T, address string, namespaces ...string) *feeding {
	t.Helper()
	f := &feeding{look: make(chan struct{}, 1), reported: map[string]Status{}}
	f.Feeds = &Feeds{
		Clients: connected(t, address), Namespaces: namespaces, Log: slog.New(slog.DiscardHandler),
		Look: func() {
			select {
			case f.look <- struct{}{}:
			default:
			}
		},
		Report: func(s Status) {
			f.lock.Lock()
			defer f.lock.Unlock()
			f.reported[s.Resource.Resource] = s
		},
	}
	t.Cleanup(f.Stop)
	return f
}

// last is the last report about a resource.
func (f *feeding) last(resource string) Status {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.reported[resource]
}

func (f *feeding) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		select {
		case <-f.look:
		case <-time.After(time.Minute):
			t.Fatalf("%s: it doesn't come", what)
		}
	}
}

// running are the resources that are watched.
func (f *feeding) running() []string {
	var names []string
	for _, f := range f.feeds {
		names = append(names, f.GVR.Resource)
	}
	return names
}

// unreachable is no server.
const unreachable = "http://127.0.0.1:1"

func resourceOf(name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "g." + name, Version: "v1", Resource: name}
}

func wanted(name string, key any) Resource {
	return Resource{
		GVR: resourceOf(name), Key: key, Handler: cache.ResourceEventHandlerFuncs{}, Forget: func() {},
		Transform: func(o any) (any, error) { return o, nil },
	}
}

func TestOnlyWhatIsWantedIsWatched(t *testing.T) {
	w := feedsFrom(t, unreachable)
	var forgotten []string
	want := func(name string, key any) Resource {
		r := wanted(name, key)
		r.Forget = func() {
			forgotten = append(forgotten, name)
			if !w.last(name).Ended {
				t.Errorf("%s is forgotten before its end is reported", name)
			}
		}
		return r
	}
	update := func(unknown string, wanted ...Resource) {
		forgotten = nil
		w.Update(t.Context(), wanted, func(group string) bool { return group == unknown })
	}
	update("", want("a", "1"), want("b", []string{"x"}))
	first := w.feeds[1]
	update("", want("a", "2"), want("b", []string{"x"}))
	if got := w.running(); !slices.Equal(got, []string{"b", "a"}) || !slices.Equal(forgotten, []string{"a"}) {
		t.Errorf("running %v, forgotten %v", got, forgotten)
	}
	if w.feeds[0] != first || !w.feeds[1].again || !w.Rereads() {
		t.Error("what has another key is read again, and nothing else")
	}
	update("g.a")
	if got := w.running(); !slices.Equal(got, []string{"a"}) || !slices.Equal(forgotten, []string{"b"}) {
		t.Errorf("with a group that is unknown: running %v, forgotten %v", got, forgotten)
	}
	newer := want("a", "2")
	newer.GVR.Version = "v2"
	update("", newer)
	if len(w.feeds) != 1 || w.feeds[0].GVR != newer.GVR {
		t.Errorf("another version: running %v", w.running())
	}
}

// Two declarations may name a resource, of which one kind is wrong: the first is read, once.
func TestAResourceOfTwoKindsIsReadOnce(t *testing.T) {
	w := feedsFrom(t, unreachable)
	both := []Resource{wanted("a", "first"), wanted("a", "second")}
	none := func(string) bool { return false }
	w.Update(t.Context(), both, none)
	first := w.feeds[0]
	w.Update(t.Context(), both, none)
	if len(w.feeds) != 1 || w.feeds[0] != first || first.Key != "first" {
		t.Errorf("it is read again, as %v", w.feeds[0].Key)
	}
}

func TestWhereAResourceIsWatched(t *testing.T) {
	for _, row := range []struct {
		r                Resource
		namespaces, want []string
	}{
		{Resource{}, []string{"a", "b"}, []string{"a", "b"}},
		{Resource{}, nil, []string{""}},
		{Resource{ClusterScoped: true}, []string{"a", "b"}, []string{""}},
	} {
		if got := row.r.in(row.namespaces); !slices.Equal(got, row.want) {
			t.Errorf("in %v: %v", row.namespaces, got)
		}
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
	t.Cleanup(server.Close)
	w := feedsFrom(t, server.URL)
	t.Cleanup(func() { api.set(true) })
	kind := resolver.GroupKind{Group: "g.a", Kind: "Thing"}
	thing := wanted("a", nil)
	thing.Kind = kind
	w.Update(t.Context(), []Resource{thing}, func(string) bool { return false })
	w.await(t, "all are known", func() bool { w.Attach(t.Context()); return w.Whole()[kind] })
	if s := w.last("a"); !s.Attached || s.Forbidden() || !w.Ready() {
		t.Errorf("all are known: %+v", s)
	}
	api.set(true)
	w.await(t, "refused", func() bool { return !w.Whole()[kind] })
	if s := w.last("a"); !s.Forbidden() || !apierrors.IsForbidden(s.Refused[""]) {
		t.Errorf("refused: %+v", s)
	}
	api.set(false)
	w.await(t, "granted again", func() bool { return w.Whole()[kind] })
	if s := w.last("a"); s.Forbidden() {
		t.Errorf("granted again: %+v", s)
	}
}

// Of a resource in several namespaces each must be readable.
func TestAResourceThatIsForbiddenInOneNamespace(t *testing.T) {
	w := feedsFrom(t, unreachable, "a", "b")
	f := &feed{Resource: wanted("r", nil), feeds: w.Feeds}
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "", nil)
	missing := apierrors.NewNotFound(schema.GroupResource{}, "")
	down := apierrors.NewServiceUnavailable("down")
	for i, step := range []struct {
		change    func()
		refused   map[string]error
		forbidden bool
	}{
		{func() { f.refused("a", missing) }, map[string]error{"a": missing}, false},
		{func() { f.refused("b", forbidden) }, map[string]error{"a": missing, "b": forbidden}, true},
		// The last answer is what counts, and until a watch begins nothing is known.
		{func() { f.failed("b", down) }, map[string]error{"a": missing, "b": down}, false},
		{func() { f.refused("b", forbidden) }, map[string]error{"a": missing, "b": forbidden}, true},
		{func() { f.failed("b", down) }, map[string]error{"a": missing, "b": down}, false},
		{func() { f.refused("a", forbidden) }, map[string]error{"a": forbidden, "b": down}, true},
		{func() { f.refused("a", missing) }, map[string]error{"a": missing, "b": down}, false},
		{func() { f.readable("b") }, map[string]error{"a": missing}, false},
		{func() { f.readable("b") }, map[string]error{"a": missing}, false},
		{func() { f.readable("a") }, map[string]error{}, false},
	} {
		step.change()
		s := w.last("r")
		if diff := cmp.Diff(step.refused, s.Refused); diff != "" || s.Forbidden() != step.forbidden {
			t.Errorf("step %d: forbidden %v, refused (-want +got):\n%s", i, s.Forbidden(), diff)
		}
		if f.blocked() != (len(step.refused) > 0) {
			t.Errorf("step %d: blocked %v", i, f.blocked())
		}
	}
}
