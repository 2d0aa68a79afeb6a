package main

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/test/cluster"
)

// A reader reads all Ingresses and Certificates, keeps watching them unless it lists them, and
// does nothing with them. It is a process of its own, this program with -read, so that its CPU and its memory
// can be distinguished from the bench's.
type reader struct {
	name string
	run  func(context.Context, *rest.Config) error
}

var readers = []reader{{"bytes", readBytes}, {"objects", readObjects}, {"list", listBytes}}

func (r reader) String() string { return r.name }

func read() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{ingresses, cluster.Certificates()}
}

// readBytes decodes nothing: no controller that reads the same objects can use less.
func readBytes(ctx context.Context, config *rest.Config) error {
	config.GroupVersion, config.NegotiatedSerializer = &metav1.Unversioned, scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range read() {
		group.Go(func() error {
			stream, err := client.Get().AbsPath("/apis", r.Group, r.Version, r.Resource).VersionedParams(&metav1.ListOptions{
				Watch: true, SendInitialEvents: new(true), AllowWatchBookmarks: true,
				ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
			}, metav1.ParameterCodec).Stream(ctx)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, stream)
			return err
		})
	}
	return group.Wait()
}

// readObjects is client-go's dynamic informers as they come: decoded to maps, and kept.
func readObjects(ctx context.Context, config *rest.Config) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	for _, r := range read() {
		factory.ForResource(r)
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown()
	return nil
}
