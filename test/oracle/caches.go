package oracle

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"
	gwlisters "sigs.k8s.io/gateway-api/pkg/client/listers/apis/v1"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmlisters "github.com/cert-manager/cert-manager/pkg/client/listers/certmanager/v1"
)

// caches stand for the informers of the shims: each lister reads the one index by namespace beside it.
type caches struct {
	certificates cmlisters.CertificateLister
	gateways     gwlisters.GatewayLister
	listenerSets gwlisters.ListenerSetLister

	certificateIndex, gatewayIndex, listenerSetIndex cache.Indexer
}

func newCaches() *caches {
	index := func() cache.Indexer {
		return cache.NewIndexer(cache.MetaNamespaceKeyFunc,
			cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	}
	c := &caches{certificateIndex: index(), gatewayIndex: index(), listenerSetIndex: index()}
	c.certificates = cmlisters.NewCertificateLister(c.certificateIndex)
	c.gateways = gwlisters.NewGatewayLister(c.gatewayIndex)
	c.listenerSets = gwlisters.NewListenerSetLister(c.listenerSetIndex)
	return c
}

// add puts a typed copy of the object into the cache of its kind, and returns it. An Ingress is in none: its shim gets
// it handed over.
func (c *caches) add(object runtime.Object) (runtime.Object, error) {
	typed, err := typedCopy(object)
	if err != nil {
		return nil, err
	}
	switch typed.(type) {
	case *networkingv1.Ingress:
		return typed, nil
	case *cmapi.Certificate:
		return typed, c.certificateIndex.Add(typed)
	case *gwapi.Gateway:
		return typed, c.gatewayIndex.Add(typed)
	case *gwapi.ListenerSet:
		return typed, c.listenerSetIndex.Add(typed)
	}
	return nil, fmt.Errorf("the shims know no %T", object)
}

func typedCopy(object runtime.Object) (runtime.Object, error) {
	source, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object.DeepCopyObject(), nil
	}
	typed, err := emptyOf(source)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(source.Object, typed); err != nil {
		return nil, fmt.Errorf("%s %s/%s: %w", source.GetKind(), source.GetNamespace(), source.GetName(), err)
	}
	return typed, nil
}

func emptyOf(object *unstructured.Unstructured) (runtime.Object, error) {
	gatewayAPI := schema.GroupVersion(gwapi.GroupVersion)
	switch object.GroupVersionKind() {
	case networkingv1.SchemeGroupVersion.WithKind("Ingress"):
		return &networkingv1.Ingress{}, nil
	case gatewayAPI.WithKind("Gateway"):
		return &gwapi.Gateway{}, nil
	case gatewayAPI.WithKind("ListenerSet"):
		return &gwapi.ListenerSet{}, nil
	case cmapi.SchemeGroupVersion.WithKind("Certificate"):
		return &cmapi.Certificate{}, nil
	}
	return nil, fmt.Errorf("the shims know no %s", object.GroupVersionKind())
}
