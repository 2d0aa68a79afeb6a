package cluster

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"github.com/certshim/certshim/cluster/codec"
)

// Get reads one object as it is now, from etcd, decoded and transformed as a feed of the resource
// does it.
func Get(ctx context.Context, clients Clients, r Resource, namespace, name string) (any, error) {
	client, err := clients.Dynamic(r.Paths, nil)
	if err != nil {
		return nil, err
	}
	object, err := client.Resource(r.GVR).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil || r.Transform == nil {
		return object, err
	}
	return r.Transform(object)
}

// List gives every object of a resource in a namespace, or in all with an empty name, one after
// another as the pages come: decoded, read and transformed as a feed of the resource does it. An
// error of each ends it.
func List(ctx context.Context, clients Clients, r Resource, namespace string, each func(object any) error) error {
	client, err := clients.Dynamic(r.Paths, r.Reader)
	if err != nil {
		return err
	}
	if r.ClusterScoped {
		namespace = ""
	}
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.Resource(r.GVR).Namespace(namespace).List(ctx, options)
	})
	// More pages ahead would only take memory: what reads them is slower than the server.
	pages.PageBufferSize = 1
	err = pages.EachListItem(ctx, metav1.ListOptions{}, func(item runtime.Object) error {
		if r.Transform == nil {
			return each(kept(item))
		}
		object, err := r.Transform(item)
		if err != nil {
			return err
		}
		return each(object)
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", r.GVR.GroupResource(), err)
	}
	return nil
}

// kept is what a reader made of an object, or else the object.
func kept(item runtime.Object) any {
	object, isObject := item.(*unstructured.Unstructured)
	if !isObject {
		return item
	}
	if read, isRead := codec.Read(object); isRead {
		return read
	}
	return object
}
