package cluster

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/cluster/codec"
)

// Clients makes clients that decode some fields of objects alone.
type Clients interface {
	// Dynamic gives a client that decodes these paths, as [codec.Select] takes them, and the
	// identity of objects. Nil paths are all fields; no paths at all are the identity. Where
	// reader isn't nil, objects of a watch are what it makes of them.
	Dynamic(paths []string, reader codec.Reader) (dynamic.Interface, error)
}

// Dynamic implements [Clients]. Of objects whose metadata alone is read, the server sends no
// more.
func (c *Connection) Dynamic(paths []string, reader codec.Reader) (dynamic.Interface, error) {
	if paths == nil || !codec.OnlyMetadata(paths) {
		return c.dynamic(paths, reader, runtime.ContentTypeJSON, c.http)
	}
	objects, err := c.dynamic(paths, reader, onlyMetadata("PartialObjectMetadata"), c.http)
	if err != nil {
		return nil, err
	}
	lists, err := c.dynamic(paths, reader, onlyMetadata("PartialObjectMetadataList"), c.http)
	if err != nil {
		return nil, err
	}
	return metadataClient{Interface: objects, lists: lists}, nil
}

// onlyMetadata accepts objects without spec and status. A server that can't reduce them sends
// them whole.
func onlyMetadata(kind string) string {
	return "application/json;as=" + kind + ";g=meta.k8s.io;v=v1,application/json"
}

// metadataClient asks for lists by a client of their own: the server refuses to reduce a list to
// the kind of one object, and a watch or an object to the kind of a list.
type metadataClient struct {
	dynamic.Interface
	lists dynamic.Interface
}

func (c metadataClient) Resource(resource schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	objects, lists := c.Interface.Resource(resource), c.lists.Resource(resource)
	return metadataResource{ResourceInterface: objects, objects: objects, list: lists, lists: lists}
}

// metadataResource is a resource in one namespace, or in all.
type metadataResource struct {
	dynamic.ResourceInterface
	list           dynamic.ResourceInterface
	objects, lists dynamic.NamespaceableResourceInterface
}

func (r metadataResource) Namespace(namespace string) dynamic.ResourceInterface {
	r.ResourceInterface, r.list = r.objects.Namespace(namespace), r.lists.Namespace(namespace)
	return r
}

func (r metadataResource) List(ctx context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	return r.list.List(ctx, options)
}

func (c *Connection) dynamic(paths []string, reader codec.Reader, accept string, over *http.Client) (dynamic.Interface, error) {
	selection, err := codec.Select(paths)
	if err != nil {
		return nil, err
	}
	config := dynamic.ConfigFor(c.config)
	config.NegotiatedSerializer = codec.New(selection, reader)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, accept
	// The dynamic client gives whole paths, below no group and version.
	config.GroupVersion, config.APIPath = nil, "/"
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, over)
	if err != nil {
		return nil, fmt.Errorf("can't build a client: %w", err)
	}
	return dynamic.New(client), nil
}
