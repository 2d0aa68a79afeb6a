package cluster

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
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
	ctx, cancel := WithRequestTimeout(ctx)
	defer cancel()
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
	err = listPages(ctx, client.Resource(r.GVR).Namespace(namespace), metav1.ListOptions{}, func(item runtime.Object) error {
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

// pageSize is how many objects are asked for at once.
const pageSize = 200

func listPages(ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions, each func(runtime.Object) error) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.List(ctx, options)
	})
	// Larger pages, or more of them ahead, would only take memory: what reads them is slower than the server.
	pages.PageSize, pages.PageBufferSize = pageSize, 1
	return pages.EachListItem(ctx, options, each)
}

// NamespacesWith gives those of some namespaces, or of all with none, in which there is an object of
// that name.
func (c *Connection) NamespacesWith(ctx context.Context, resource schema.GroupVersionResource, name string, namespaces []string) ([]string, error) {
	client, err := c.Dynamic([]string{}, nil)
	if err != nil {
		return nil, err
	}
	var found []string
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}
	for _, namespace := range (Resource{}).in(namespaces) {
		err := listPages(ctx, client.Resource(resource).Namespace(namespace), options, func(item runtime.Object) error {
			if object, is := item.(metav1.Object); is {
				found = append(found, object.GetNamespace())
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.GroupResource(), err)
		}
	}
	return found, nil
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
