package controller

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim"
)

var namespacesResource = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// namespaces watches the Namespaces, metadata alone, while it is needed: a Gateway or a
// policy goes by their labels, or their annotations name default issuers.
type namespaces struct {
	client  metadata.Interface
	metrics *metrics
	log     *slog.Logger
	// keeps says which annotations count.
	keeps func(key string) bool
	// changed is called with the name of a namespace and what of it changed, and with "" once
	// all are known, or can't be.
	changed func(namespace string, what namespaceChange)
	store   atomic.Pointer[cache.Store]
	// answered is set once they are known, or it has turned out that they can't be: what goes
	// by them is not decided before.
	answered atomic.Bool
	// lock keeps a watch that has ended from leaving what it knew.
	lock sync.Mutex
	// blocked is set while the server refuses to list or watch them.
	blocked atomic.Bool
	stop    context.CancelFunc
}

// namespaceChange is what differs between two versions of a Namespace.
type namespaceChange struct{ labels, annotations bool }

var allOfNamespace = namespaceChange{labels: true, annotations: true}

// need starts the watch or ends it.
func (n *namespaces) need(ctx context.Context, needed bool) {
	switch {
	case needed && n.stop == nil:
		ctx, n.stop = context.WithCancel(ctx)
		n.start(ctx)
	case !needed && n.stop != nil:
		n.end()
		n.readable()
	}
}

func (n *namespaces) end() {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.stop()
	n.stop = nil
	n.store.Store(nil)
	n.answered.Store(false)
}

func (n *namespaces) start(ctx context.Context) {
	informer := metadatainformer.NewFilteredMetadataInformer(n.client, namespacesResource, "", 0, cache.Indexers{}, nil).Informer()
	// These fail only for an informer that runs already.
	_ = informer.SetTransform(n.reduce)
	_ = informer.SetWatchErrorHandlerWithContext(n.trouble)
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, first bool) {
			n.readable()
			if !first {
				n.changed(o.(metav1.Object).GetName(), allOfNamespace)
			}
		},
		UpdateFunc: func(old, now any) {
			n.readable()
			n.compare(old.(metav1.Object), now.(metav1.Object))
		},
	})
	go informer.RunWithContext(ctx)
	go func() {
		select {
		case <-ctx.Done():
		case <-informer.HasSyncedChecker().Done():
			store := informer.GetStore()
			n.answer(ctx, &store)
		}
	}()
	time.AfterFunc(patience, func() { n.answer(ctx, nil) })
}

// answer lets be decided what goes by Namespaces: by a store of all, or, without one, as what
// can't be read.
func (n *namespaces) answer(ctx context.Context, store *cache.Store) {
	if n.note(ctx, store) {
		n.changed("", allOfNamespace)
	}
}

// note says whether the answer is news.
func (n *namespaces) note(ctx context.Context, store *cache.Store) bool {
	n.lock.Lock()
	defer n.lock.Unlock()
	if ctx.Err() != nil || store == nil && n.answered.Load() {
		return false
	}
	if store != nil {
		n.store.Store(store)
	}
	n.answered.Store(true)
	return true
}

// compare tells a change, if it is one that counts.
func (n *namespaces) compare(old, now metav1.Object) {
	what := namespaceChange{
		labels:      !maps.Equal(old.GetLabels(), now.GetLabels()),
		annotations: !maps.Equal(old.GetAnnotations(), now.GetAnnotations()),
	}
	if what != (namespaceChange{}) {
		n.changed(now.GetName(), what)
	}
}

// trouble is told of every list or watch that failed; the reflector tries again by itself.
func (n *namespaces) trouble(ctx context.Context, _ *cache.Reflector, err error) {
	if ctx.Err() == nil && apierrors.IsForbidden(err) && n.blocked.CompareAndSwap(false, true) {
		n.metrics.forbidden.WithLabelValues(label(namespacesResource)).Set(1)
		n.log.Warn("Namespaces can't be read: what goes by them is neither made nor changed", "error", err)
		n.answer(ctx, nil)
	}
}

// readable notes that they can be read, or need not be.
func (n *namespaces) readable() {
	if n.blocked.CompareAndSwap(true, false) {
		n.metrics.forbidden.WithLabelValues(label(namespacesResource)).Set(0)
	}
}

// reduce keeps of a namespace its labels, and the annotations that count. It may get what
// it has reduced already.
func (n *namespaces) reduce(o any) (any, error) {
	object, isMetadata := o.(*metav1.PartialObjectMetadata)
	if !isMetadata {
		return o, nil
	}
	var kept map[string]string
	for key, value := range object.Annotations {
		if !n.keeps(key) {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = value
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: object.Name, UID: object.UID, ResourceVersion: object.ResourceVersion, Labels: object.Labels, Annotations: kept,
	}}, nil
}

// of gives a namespace; false while it can't be read.
func (n *namespaces) of(name string) (certshim.Namespace, bool) {
	store := n.store.Load()
	if store == nil {
		return certshim.Namespace{}, false
	}
	item, found, err := (*store).GetByKey(name)
	if err != nil || !found {
		return certshim.Namespace{}, false
	}
	object := item.(metav1.Object)
	return certshim.Namespace{Labels: object.GetLabels(), Annotations: object.GetAnnotations()}, true
}

// awaited says that a namespace isn't known and will be, or will turn out to be unreadable. The
// objects in a new one may be seen before it is.
func (n *namespaces) awaited(name string) bool {
	if !n.answered.Load() {
		return true
	}
	_, known := n.of(name)
	return !known && n.store.Load() != nil
}

// namespaceChanged looks again at the sources whose outcome a change of their Namespace can
// alter; an empty name is all of them.
func (c *Controller) namespaceChanged(namespace string, what namespaceChange) {
	// Decisions that saw the Namespace as it was have noted it after this.
	c.memory.decided()
	c.queue.inLine(c.waiting.forNamespace(namespace, what)...)
}
