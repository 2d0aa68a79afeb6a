package cluster

import (
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
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

// onlyMetadata asks the server for objects without spec and status. One that can't do that
// sends them whole.
const onlyMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

// Dynamic implements [Clients]. Of objects whose metadata alone is read, the server sends no
// more.
func (c *Connection) Dynamic(paths []string, reader codec.Reader) (dynamic.Interface, error) {
	accept := runtime.ContentTypeJSON
	if paths != nil && codec.OnlyMetadata(paths) {
		accept = onlyMetadata
	}
	return c.dynamic(paths, reader, accept, c.http)
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
