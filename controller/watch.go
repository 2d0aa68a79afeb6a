package controller

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/resolver"
)

// watched is a resource whose objects the controller keeps in memory.
type watched struct {
	resource schema.GroupVersionResource
	// made is what the transform depends on: where it is another, the objects are read anew.
	made any
	// issuers is their kind, if they are issuers.
	issuers resolver.GroupKind
	// note is logged when they are watched.
	note string
	// clusterScoped objects are in no namespace, and watched whatever namespaces are.
	clusterScoped bool
	// advisory objects only add to what is told: the controller is ready without them.
	advisory bool
	// unread fields are left out when its objects are decoded, by path.
	unread []string
	// transform makes an object compact as it enters; it must be idempotent.
	transform cache.TransformFunc
	handler   cache.ResourceEventHandler
	// forget drops all its objects from memory, when it is no longer watched.
	forget func()
}

// feed is the running informers of one resource, one for each namespace.
type feed struct {
	watched
	informers []cache.SharedIndexInformer
	stop      context.CancelFunc
	running   sync.WaitGroup
	lock      sync.Mutex
	// refused are the namespaces in which the server refuses to list or watch it.
	refused map[string]bool
	started time.Time
	// attached is set once its objects go to the handler.
	attached bool
	// anew is set for one whose objects were known before, by another transform.
	anew bool
}

// patience is how long a resource that can't be listed, for whatever reason, keeps the
// others waiting.
const patience = 30 * time.Second

// watcher runs a feed for each resource that is wanted. Its methods are called from one
// goroutine.
type watcher struct {
	connection *connection
	// namespaces to watch; one empty name means all.
	namespaces []string
	metrics    *metrics
	log        *slog.Logger
	// look is called when a feed has synced or can't.
	look  func()
	feeds map[schema.GroupVersionResource]*feed
}

// update starts what is wanted and doesn't run, and ends what runs and isn't wanted, unless a
// version of its group could not be asked. Of two that want the same resource the first counts:
// declarations may name it for two kinds.
func (w *watcher) update(ctx context.Context, wanted []watched, unknown map[schema.GroupVersion]error) {
	byResource := map[schema.GroupVersionResource]watched{}
	for _, r := range slices.Backward(wanted) {
		byResource[r.resource] = r
	}
	anew := map[schema.GroupVersionResource]bool{}
	for _, f := range w.feeds {
		r, still := byResource[f.resource]
		switch {
		case still && reflect.DeepEqual(r.made, f.made):
		case still:
			anew[f.resource] = true
			w.end(f)
		case !hasGroup(unknown, f.resource.Group):
			w.log.Info("a resource is no longer watched: its objects are forgotten, nothing is deleted", "resource", f.resource.String())
			w.end(f)
		}
	}
	for _, r := range wanted {
		if !w.runs(r.resource.GroupResource()) {
			w.start(ctx, r, anew[r.resource])
		}
	}
}

func hasGroup(versions map[schema.GroupVersion]error, group string) bool {
	for version := range versions {
		if version.Group == group {
			return true
		}
	}
	return false
}

// runs says whether any version of a resource is watched.
func (w *watcher) runs(resource schema.GroupResource) bool {
	for running := range w.feeds {
		if running.GroupResource() == resource {
			return true
		}
	}
	return false
}

// in gives the namespaces to watch.
func (r watched) in(namespaces []string) []string {
	if r.clusterScoped {
		return []string{""}
	}
	return namespaces
}

func (w *watcher) start(ctx context.Context, r watched, anew bool) {
	client, err := w.connection.dynamic(r.unread...)
	if err != nil {
		w.log.Error("can't build a client", "resource", r.resource.String(), "error", err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{watched: r, stop: cancel, started: time.Now(), anew: anew, refused: map[string]bool{}}
	w.feeds[r.resource] = f
	w.metrics.synced.WithLabelValues(label(r.resource)).Set(0)
	w.metrics.forbidden.WithLabelValues(label(r.resource)).Set(0)
	for _, namespace := range r.in(w.namespaces) {
		informer := w.inform(client, f, namespace)
		f.informers = append(f.informers, informer)
		f.run(ctx, informer, w.look)
	}
	time.AfterFunc(patience, w.look)
	told := []any{"resource", r.resource.String()}
	if r.note != "" {
		told = append(told, "note", r.note)
	}
	w.log.Info("watching", told...)
}

// inform makes the informer of one namespace, or of all.
func (w *watcher) inform(client dynamic.Interface, f *feed, namespace string) cache.SharedIndexInformer {
	objects := client.Resource(f.resource).Namespace(namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return objects.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			stream, err := objects.Watch(ctx, options)
			if err == nil {
				w.recovered(f, namespace)
			}
			return stream, err
		},
	}
	informer := cache.NewSharedIndexInformerWithOptions(cache.ToListWatcherWithWatchListSemantics(source, client),
		&unstructured.Unstructured{}, cache.SharedIndexInformerOptions{ObjectDescription: f.resource.String()})
	// Both fail only for an informer that runs already.
	_ = informer.SetTransform(f.transform)
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { w.trouble(f, namespace, err) })
	return informer
}

// run calls synced once the informer has its first list.
func (f *feed) run(ctx context.Context, informer cache.SharedIndexInformer, synced func()) {
	f.running.Go(func() { informer.RunWithContext(ctx) })
	f.running.Go(func() {
		select {
		case <-informer.HasSyncedChecker().Done():
			synced()
		case <-ctx.Done():
		}
	})
}

// end waits for the informers, so that no handler runs after what it forgets.
func (w *watcher) end(f *feed) {
	f.stop()
	f.running.Wait()
	delete(w.feeds, f.resource)
	f.forget()
	w.metrics.synced.DeleteLabelValues(label(f.resource))
	w.metrics.forbidden.DeleteLabelValues(label(f.resource))
}

func (w *watcher) endAll() {
	for _, f := range w.feeds {
		f.stop()
	}
	for _, f := range w.feeds {
		f.running.Wait()
	}
}

// attach hands the objects of the feeds to their handlers, once every feed has synced or
// can't: before that, what isn't seen might yet come. It waits until the handlers have
// seen the first list.
func (w *watcher) attach(ctx context.Context) {
	if !w.settled() {
		return
	}
	var seen []cache.DoneChecker
	for _, f := range w.feeds {
		if f.attached || !f.synced() {
			continue
		}
		f.attached = true
		w.metrics.synced.WithLabelValues(label(f.resource)).Set(1)
		for _, informer := range f.informers {
			if registration, err := informer.AddEventHandler(f.handler); err == nil {
				seen = append(seen, registration.HasSyncedChecker())
			}
		}
	}
	cache.WaitFor(ctx, "", seen...)
}

// settled says that each feed has synced, or is not worth waiting for.
func (w *watcher) settled() bool {
	for _, f := range w.feeds {
		if !f.synced() && f.isAwaited() {
			return false
		}
	}
	return true
}

// isAwaited says that a feed is worth waiting for.
func (f *feed) isAwaited() bool { return !f.blocked() && time.Since(f.started) < patience }

// rereads says that objects which were known are being read anew.
func (w *watcher) rereads() bool {
	for _, f := range w.feeds {
		if f.anew && !f.attached && f.isAwaited() {
			return true
		}
	}
	return false
}

// ready says that all that is served and enabled is in memory, but for what may not be
// read.
func (w *watcher) ready() bool {
	for _, f := range w.feeds {
		if !f.attached && !f.blocked() && !f.advisory && !f.anew {
			return false
		}
	}
	return w.attached(certificates)
}

// attached says whether a resource's objects are in memory.
func (w *watcher) attached(resource schema.GroupVersionResource) bool {
	f := w.feeds[resource]
	return f != nil && f.attached
}

func (f *feed) synced() bool {
	for _, informer := range f.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	return true
}

// trouble is told of every list or watch that failed; the reflector tries again by
// itself. Each change of state is logged once.
func (w *watcher) trouble(f *feed, namespace string, err error) {
	if !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) && !apierrors.IsNotFound(err) {
		w.log.Debug("a watch ended; it is taken up again", "resource", f.resource.String(), "error", err)
		return
	}
	f.note(namespace, true, func() {
		if !apierrors.IsNotFound(err) {
			w.metrics.forbidden.WithLabelValues(label(f.resource)).Set(1)
			w.log.Warn("a resource can't be read", "resource", f.resource.String(), "error", err)
		}
		w.look()
	})
}

// recovered is told of every watch that the server lets begin.
func (w *watcher) recovered(f *feed, namespace string) {
	f.note(namespace, false, func() {
		w.metrics.forbidden.WithLabelValues(label(f.resource)).Set(0)
		w.log.Info("a resource can be read again", "resource", f.resource.String())
		w.look()
	})
}

// note remembers whether a resource is refused in a namespace, and calls tell if it is in any
// now and wasn't, or the other way round.
func (f *feed) note(namespace string, refused bool, tell func()) {
	f.lock.Lock()
	defer f.lock.Unlock()
	before := len(f.refused)
	if refused {
		f.refused[namespace] = true
	} else {
		delete(f.refused, namespace)
	}
	if (before > 0) != (len(f.refused) > 0) {
		tell()
	}
}

// blocked says that the server refuses to list or watch it.
func (f *feed) blocked() bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	return len(f.refused) > 0
}

// wholeIssuers are the kinds of which every issuer is in memory, and stays up to date.
func (w *watcher) wholeIssuers() map[resolver.GroupKind]bool {
	whole := map[resolver.GroupKind]bool{}
	for _, f := range w.feeds {
		if f.issuers.Kind != "" && f.attached && !f.blocked() {
			whole[f.issuers] = true
		}
	}
	return whole
}

// label names a resource in metrics: ingresses.networking.k8s.io.
func label(resource schema.GroupVersionResource) string { return resource.GroupResource().String() }
