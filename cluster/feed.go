package cluster

import (
	"context"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/cluster/codec"
	"github.com/certshim/certshim/resolver"
)

// Resource is a resource whose objects are to be known, and where they go.
type Resource struct {
	GVR schema.GroupVersionResource
	// Kind of its objects, by which [Feeds.Whole] names it; it may be empty.
	Kind resolver.GroupKind
	// Paths are the fields that are decoded, as for [Clients].
	Paths []string
	// Reader, if it is set, reads the objects of watches; Transform gets what [codec.Read] knows.
	Reader codec.Reader
	// ClusterScoped objects are in no namespace, and watched whatever namespaces are.
	ClusterScoped bool
	// Key is what Transform depends on: if it changes, the objects are read again.
	Key any
	// Transform, if it is set, makes an object compact as it enters. It must be idempotent.
	Transform cache.TransformFunc
	// Handler gets the objects. It must not wait for anything but short locks.
	Handler cache.ResourceEventHandler
	// Forget drops all its objects, when it is no longer watched.
	Forget func()
	// Advisory objects only add to problems: [Feeds.Ready] doesn't wait for them.
	Advisory bool
	// Note is logged when the feed starts.
	Note string
}

// in gives the namespaces to watch.
func (r Resource) in(namespaces []string) []string {
	if r.ClusterScoped || len(namespaces) == 0 {
		return []string{""}
	}
	return namespaces
}

// Status is the state of a feed.
type Status struct {
	Resource schema.GroupVersionResource
	Kind     resolver.GroupKind
	// Attached is set once its handler has seen the first list.
	Attached bool
	// Refused are the namespaces in which the server has refused to list or watch it (401, 403 or
	// 404), and no watch has begun since, with the last answer. The empty name is all namespaces.
	Refused map[string]error
	// Failing are the namespaces in which lists or watches fail without being refused, with the last error.
	Failing map[string]error
	// Ended is set in the last report, before the objects are forgotten.
	Ended bool
}

// Forbidden says whether a permission to list or watch it is missing, by the last answer.
func (s Status) Forbidden() bool {
	for _, err := range s.Refused {
		if forbids(err) {
			return true
		}
	}
	return false
}

func forbids(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// feed is the running informers of one resource, one for each namespace.
type feed struct {
	Resource
	feeds     *Feeds
	informers []cache.SharedIndexInformer
	stop      context.CancelFunc
	running   sync.WaitGroup
	started   time.Time
	// patience wakes whoever waits for it, in vain.
	patience *time.Timer
	// again is set for a feed that takes the place of one with another Key.
	again bool

	lock   sync.Mutex
	status Status
	// troubles are those of the namespaces in which it fails.
	troubles map[string]*trouble
}

func (f *feed) start(ctx context.Context) error {
	client, err := f.feeds.Clients.Dynamic(f.Paths, f.Reader)
	if err != nil {
		return err
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.change(func(*Status) {})
	for _, namespace := range f.in(f.feeds.Namespaces) {
		informer := NewInformer(client, f.Resource, namespace, Watching{
			Refused:  func(err error) { f.refused(namespace, err) },
			Readable: func() { f.readable(namespace) },
			Failed: func(err error) {
				if ctx.Err() == nil {
					f.failed(namespace, err)
				}
			},
		})
		f.informers = append(f.informers, informer)
		f.run(ctx, informer)
	}
	f.patience = time.AfterFunc(Patience, f.feeds.Look)
	return nil
}

// run wakes whoever waits once the informer has its first list.
func (f *feed) run(ctx context.Context, informer cache.SharedIndexInformer) {
	f.running.Go(func() { informer.RunWithContext(ctx) })
	f.running.Go(func() {
		select {
		case <-informer.HasSyncedChecker().Done():
			f.feeds.Look()
		case <-ctx.Done():
		}
	})
}

// end waits for the informers, so that no handler runs after what it forgets.
func (f *feed) end() {
	f.stop()
	f.patience.Stop()
	f.running.Wait()
	f.lock.Lock()
	defer f.lock.Unlock()
	for _, t := range f.troubles {
		t.stop()
	}
}

// attach hands the objects to the handler.
func (f *feed) attach() []cache.DoneChecker {
	var seen []cache.DoneChecker
	for _, informer := range f.informers {
		// It fails only for an informer that has ended.
		if registration, err := informer.AddEventHandler(f.Handler); err == nil {
			seen = append(seen, registration.HasSyncedChecker())
		}
	}
	return seen
}

func (f *feed) synced() bool {
	for _, informer := range f.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	return true
}

// change changes the status and reports it. Reports of one feed come one after another.
func (f *feed) change(alter func(*Status)) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.status.Ended {
		return
	}
	f.status.Resource, f.status.Kind = f.GVR, f.Kind
	alter(&f.status)
	if f.feeds.Report != nil {
		report := f.status
		report.Refused, report.Failing = maps.Clone(report.Refused), maps.Clone(report.Failing)
		f.feeds.Report(report)
	}
}

// refused notes that the server refuses the resource in a namespace.
func (f *feed) refused(namespace string, err error) {
	before, was := f.refusal(namespace)
	if was && apierrors.IsNotFound(before) == apierrors.IsNotFound(err) && forbids(before) == forbids(err) {
		return
	}
	f.change(func(s *Status) {
		if s.Refused == nil {
			s.Refused = map[string]error{}
		}
		s.Refused[namespace] = err
		f.forget(s, namespace)
	})
	if forbids(err) && (!was || apierrors.IsNotFound(before)) {
		f.feeds.Log.Warn("a resource can't be read", "resource", f.GVR.GroupResource().String(), "namespace", namespace, "error", err)
	}
	f.feeds.Look()
}

// readable notes that the server lets a watch of a namespace begin.
func (f *feed) readable(namespace string) {
	f.watchBegan(namespace)
	if _, was := f.refusal(namespace); !was {
		return
	}
	f.change(func(s *Status) { delete(s.Refused, namespace) })
	f.feeds.Log.Info("a resource can be read again", "resource", f.GVR.GroupResource().String(), "namespace", namespace)
	f.feeds.Look()
}

// refusal is the last answer of a server that has refused the resource in a namespace.
func (f *feed) refusal(namespace string) (last error, was bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	last, was = f.status.Refused[namespace]
	return last, was
}

// blocked says that the server has refused to list or watch it somewhere, and no watch has begun since.
func (f *feed) blocked() bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	return len(f.status.Refused) > 0
}

func (f *feed) attached() bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.status.Attached
}

// isAwaited says that it is worth waiting for.
func (f *feed) isAwaited() bool { return !f.blocked() && time.Since(f.started) < Patience }
