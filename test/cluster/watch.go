package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// patience ends a wait that will not succeed; no test depends on how long anything takes below that.
const patience = 2 * time.Minute

// State is what a watch knows: the live objects by name, or by namespace/name when it watches all namespaces.
type State map[string]*unstructured.Unstructured

// Watch follows the objects of one resource from the moment it was opened, over restarts of the API server too.
type Watch struct {
	what     string
	resource dynamic.ResourceInterface
	// everywhere is a watch on all namespaces.
	everywhere bool

	mu      sync.Mutex
	state   State
	changes []watch.Event
	// changed is closed, and replaced, at every change.
	changed chan struct{}
}

// Watch opens a watch on a namespace, or on all when it is empty, until the end of the test. Open it before the action
// whose outcome is waited for, and nothing is missed.
func (c *Cluster) Watch(t testing.TB, resource schema.GroupVersionResource, namespace string) *Watch {
	t.Helper()
	w := &Watch{what: resource.Resource, everywhere: namespace == "", state: State{}, changed: make(chan struct{})}
	w.resource = c.Dynamic.Resource(resource)
	if namespace != "" {
		w.resource = c.Dynamic.Resource(resource).Namespace(namespace)
	}
	events, err := w.open(t.Context())
	if err != nil {
		t.Fatalf("watch %s: %v", w.what, err)
	}
	w.mu.Lock()
	w.changes = nil
	w.mu.Unlock()
	go w.follow(t.Context(), events)
	return w
}

// Until waits until the condition holds for the state, which it must not change; what says for which, in the words of
// "waited for …". A state that passes quickly may be passed over: look for one that stays.
func (w *Watch) Until(t testing.TB, what string, condition func(State) bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		state, changed := w.snapshot()
		if condition(state) {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("waited %s for %s; %s are now:\n%s", patience, what, w.what, state)
		}
	}
}

// Object waits until the object of that name meets the condition, and returns it.
func (w *Watch) Object(
	t testing.TB, name, what string, condition func(*unstructured.Unstructured) bool,
) *unstructured.Unstructured {
	t.Helper()
	var met *unstructured.Unstructured
	w.Until(t, name+" "+what, func(state State) bool {
		object, ok := state[name]
		if !ok || !condition(object) {
			return false
		}
		met = object
		return true
	})
	return met
}

// Ready waits until the object of that name has the condition Ready of its present generation, and returns it.
func (w *Watch) Ready(t testing.TB, name string) *unstructured.Unstructured {
	t.Helper()
	return w.Object(t, name, "to be ready", IsReady)
}

// Gone waits until there is no object of that name.
func (w *Watch) Gone(t testing.TB, name string) {
	t.Helper()
	w.Until(t, name+" to be gone", func(state State) bool { return state[name] == nil })
}

// Changes are all the changes seen since the watch was opened, oldest first; what was there before is none.
func (w *Watch) Changes() []watch.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]watch.Event(nil), w.changes...)
}

// State is what the watch knows now.
func (w *Watch) State() State {
	state, _ := w.snapshot()
	return state
}

func (w *Watch) snapshot() (State, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.state), w.changed
}

// open lists and watches from there, so that no change between two watches is missed.
func (w *Watch) open(ctx context.Context) (watch.Interface, error) {
	list, err := w.resource.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	w.catchUp(list.Items)
	return w.resource.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
}

// catchUp turns a list into the changes that lead to it.
func (w *Watch) catchUp(items []unstructured.Unstructured) {
	known, _ := w.snapshot()
	for i := range items {
		object := &items[i]
		before, ok := known[w.key(object)]
		delete(known, w.key(object))
		switch {
		case !ok:
			w.record(watch.Event{Type: watch.Added, Object: object})
		case before.GetResourceVersion() != object.GetResourceVersion():
			w.record(watch.Event{Type: watch.Modified, Object: object})
		}
	}
	for _, gone := range known {
		w.record(watch.Event{Type: watch.Deleted, Object: gone})
	}
}

// follow records what comes, and opens the watch again when the server has closed it.
func (w *Watch) follow(ctx context.Context, events watch.Interface) {
	for {
		for event := range events.ResultChan() {
			if event.Type == watch.Error {
				break
			}
			w.record(event)
		}
		events.Stop()
		if events = w.reopen(ctx); events == nil {
			return
		}
	}
}

// reopen tries until it works or the test is over, which gives nil.
func (w *Watch) reopen(ctx context.Context) watch.Interface {
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for ctx.Err() == nil {
		if events, err := w.open(ctx); err == nil {
			return events
		}
		<-retry.C
	}
	return nil
}

func (w *Watch) record(event watch.Event) {
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if event.Type == watch.Deleted {
		delete(w.state, w.key(object))
	} else {
		w.state[w.key(object)] = object
	}
	w.changes = append(w.changes, event)
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *Watch) key(object *unstructured.Unstructured) string {
	if !w.everywhere {
		return object.GetName()
	}
	return object.GetNamespace() + "/" + object.GetName()
}

// String shows the objects as YAML, for a failing test, and not more of it than anybody reads.
func (s State) String() string {
	const most = 6000
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		object := s[name].DeepCopy()
		object.SetManagedFields(nil)
		content, err := yaml.Marshal(object.Object)
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&text, "--- %s\n%s", name, content)
		if text.Len() > most {
			return text.String()[:most] + "…"
		}
	}
	return text.String()
}

// IsReady reports whether the condition Ready is true of the present generation: after an edit the old one stands for a while.
func IsReady(object *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		fields, ok := condition.(map[string]any)
		if !ok || fields["type"] != "Ready" {
			continue
		}
		observed, _ := fields["observedGeneration"].(int64)
		return fields["status"] == "True" && observed >= object.GetGeneration()
	}
	return false
}
