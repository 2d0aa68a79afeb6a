package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/watchlist"
)

// Watching is called as the list and watch of an informer go, again and again while things stay
// as they are. Each function may be nil.
type Watching struct {
	// Refused gets the server's answer that it won't list or watch the resource: 401, 403 or 404.
	Refused func(error)
	// Readable is called when the server lets a watch begin.
	Readable func()
	// Failed gets any other error, and that a watch ended as soon as it had begun; the informer goes on by itself.
	Failed func(error)
}

// brief is a watch that the server ended at once, or of which nothing can be read: informers say nothing of either.
const brief = 5 * time.Second

// ended takes how long a watch has lasted.
func (w Watching) ended(lasted time.Duration) {
	if lasted < brief {
		w.failed(fmt.Errorf("a watch ended after %s: the server ended it, or what it sends can't be read", lasted.Round(time.Millisecond)))
	}
}

func (w Watching) failed(err error) {
	refused := forbids(err) || apierrors.IsNotFound(err)
	switch {
	case refused && w.Refused != nil:
		w.Refused(err)
	case !refused && w.Failed != nil:
		w.Failed(err)
	}
}

// NewInformer gives the informer of a resource in one namespace, or in all, with the resource's
// transform and without a handler. Its Lister can't be used: the store holds what the transform
// makes.
func NewInformer(client dynamic.Interface, r Resource, namespace string, callbacks Watching) cache.SharedIndexInformer {
	informer := dynamicinformer.NewFilteredDynamicInformer(watchedClient{client, callbacks, &newest{}}, r.GVR, namespace, 0, cache.Indexers{}, nil).Informer()
	// Both fail only for an informer that runs already.
	_ = informer.SetTransform(r.Transform)
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		callbacks.failed(err)
	})
	return informer
}

// watchedClient is a client that tells how watches begin and end, and lists nothing that is older than what it watched.
type watchedClient struct {
	dynamic.Interface
	watching Watching
	newest   *newest
}

// IsWatchListSemanticsUnSupported answers for the client within, as the informer can't see it.
func (c watchedClient) IsWatchListSemanticsUnSupported() bool {
	return watchlist.DoesClientNotSupportWatchListSemantics(c.Interface)
}

func (c watchedClient) Resource(resource schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	inner := c.Interface.Resource(resource)
	return watchedResource{ResourceInterface: inner, whole: inner, watching: c.watching, newest: c.newest}
}

// watchedResource is a resource in one namespace, or in all.
type watchedResource struct {
	dynamic.ResourceInterface
	whole    dynamic.NamespaceableResourceInterface
	watching Watching
	newest   *newest
}

func (r watchedResource) Namespace(namespace string) dynamic.ResourceInterface {
	return watchedResource{ResourceInterface: r.whole.Namespace(namespace), whole: r.whole, watching: r.watching, newest: r.newest}
}

// List lists what is in etcd now. A reflector asks for "0" first, by which a server may answer from a cache that is behind, and with it
// the process would go back to what another replica has long dealt with.
func (r watchedResource) List(ctx context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	if options.ResourceVersion == "0" {
		options.ResourceVersion = ""
	}
	r.newest.note(options.ResourceVersion)
	list, err := r.ResourceInterface.List(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := r.newest.holds(list.GetResourceVersion()); err != nil {
		return nil, err
	}
	return list, nil
}

func (r watchedResource) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	r.newest.note(options.ResourceVersion)
	stream, err := r.ResourceInterface.Watch(ctx, options)
	if err != nil {
		// A watch that isn't accepted is tried again without a word; instead of one that begins with the objects they are listed.
		if ctx.Err() == nil && options.SendInitialEvents == nil {
			r.watching.failed(err)
		}
		return nil, err
	}
	if r.watching.Readable != nil {
		r.watching.Readable()
	}
	began := time.Now()
	return timed{stream, sync.OnceFunc(func() {
		if ctx.Err() == nil {
			r.watching.ended(time.Since(began))
		}
	})}, nil
}

// timed is a watch that calls ended when it has ended.
type timed struct {
	watch.Interface
	ended func()
}

func (t timed) Stop() {
	t.Interface.Stop()
	t.ended()
}
