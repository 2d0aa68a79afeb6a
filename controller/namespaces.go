package controller

import (
	"context"
	"maps"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// namespaceLabels watches the labels of namespaces, metadata alone, while it is needed: a
// Gateway that admits ListenerSets by such labels.
type namespaceLabels struct {
	client metadata.Interface
	// changed is called with the name of a namespace whose labels changed, and with ""
	// once all are known.
	changed func(namespace string)
	store   atomic.Pointer[cache.Store]
	stop    context.CancelFunc
}

// need starts the watch or ends it.
func (n *namespaceLabels) need(ctx context.Context, needed bool) {
	switch {
	case needed && n.stop == nil:
		ctx, n.stop = context.WithCancel(ctx)
		n.start(ctx)
	case !needed && n.stop != nil:
		n.stop()
		n.stop = nil
		n.store.Store(nil)
	}
}

func (n *namespaceLabels) start(ctx context.Context) {
	resource := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	informer := metadatainformer.NewFilteredMetadataInformer(n.client, resource, "", 0, cache.Indexers{}, nil).Informer()
	// These fail only for an informer that runs already.
	_ = informer.SetTransform(onlyLabels)
	_ = informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, first bool) {
			if !first {
				n.changed(o.(metav1.Object).GetName())
			}
		},
		UpdateFunc: func(old, o any) {
			if !maps.Equal(old.(metav1.Object).GetLabels(), o.(metav1.Object).GetLabels()) {
				n.changed(o.(metav1.Object).GetName())
			}
		},
	})
	go informer.RunWithContext(ctx)
	go func() {
		select {
		case <-ctx.Done():
		case <-informer.HasSyncedChecker().Done():
			store := informer.GetStore()
			n.store.Store(&store)
			n.changed("")
		}
	}()
}

// onlyLabels keeps of a namespace its labels.
func onlyLabels(o any) (any, error) {
	if object, isMetadata := o.(*metav1.PartialObjectMetadata); isMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: object.Name, UID: object.UID, ResourceVersion: object.ResourceVersion, Labels: object.Labels,
		}}, nil
	}
	return o, nil
}

// of gives the labels of a namespace; false while they can't be read.
func (n *namespaceLabels) of(namespace string) (map[string]string, bool) {
	store := n.store.Load()
	if store == nil {
		return nil, false
	}
	item, found, err := (*store).GetByKey(namespace)
	if err != nil || !found {
		return nil, false
	}
	return item.(metav1.Object).GetLabels(), true
}
