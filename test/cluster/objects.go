package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// FieldManager is who the objects of the tests are written by.
const FieldManager = "certshim-test"

// Certificates is the resource that everything here is about; the others are those that suites wait for.
func Certificates() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
}

// CertificateRequests are cert-manager's certificaterequests.
func CertificateRequests() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificaterequests"}
}

// Secrets are the core group's secrets.
func Secrets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
}

// Events are those of events.k8s.io, which the API server also serves as the core group's.
func Events() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "events.k8s.io", Version: "v1", Resource: "events"}
}

func namespaces() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
}

// Namespace makes a namespace for this test, and has it deleted at the test's end, which doesn't wait until it is gone.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	namespace := &unstructured.Unstructured{}
	namespace.SetAPIVersion("v1")
	namespace.SetKind("Namespace")
	namespace.SetGenerateName("test-")
	namespace, err := c.Dynamic.Resource(namespaces()).Create(t.Context(), namespace, metav1.CreateOptions{})
	if err != nil {
		t.Fatal("create a namespace: ", err)
	}
	t.Cleanup(func() { c.Delete(t, namespaces(), "", namespace.GetName()) })
	return namespace.GetName()
}

// Apply applies YAML documents, by server-side apply as [FieldManager], and returns what the server made of them.
// Namespaced objects that name no namespace go into the one given.
func (c *Cluster) Apply(t testing.TB, namespace, manifests string) []*unstructured.Unstructured {
	t.Helper()
	applied, err := c.apply(t.Context(), namespace, manifests)
	if err != nil {
		t.Fatal("apply: ", err)
	}
	return applied
}

func (c *Cluster) apply(ctx context.Context, namespace, manifests string) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(manifests), 4096)
	var applied []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return applied, nil
		}
		if err != nil {
			return applied, err
		}
		if len(object.Object) == 0 {
			continue
		}
		result, err := c.applyOne(ctx, namespace, object)
		if err != nil {
			return applied, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		applied = append(applied, result)
	}
}

func (c *Cluster) applyOne(
	ctx context.Context, namespace string, object *unstructured.Unstructured,
) (*unstructured.Unstructured, error) {
	mapping, err := c.mapping(object.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	var resource dynamic.ResourceInterface = c.Dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		resource = c.Dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	options := metav1.ApplyOptions{FieldManager: FieldManager, Force: true}
	return resource.Apply(ctx, object.GetName(), object, options)
}

// Delete deletes an object, if it is there, and doesn't wait until it is gone. The namespace of a cluster-scoped one is
// empty.
func (c *Cluster) Delete(t testing.TB, resource schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	// Also called when a test is over, and with it the test's context.
	ctx := context.WithoutCancel(t.Context())
	err := c.Dynamic.Resource(resource).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("delete %s %s/%s: %v", resource.Resource, namespace, name, err)
	}
}

// mapping finds the resource of a kind, one installed a moment ago included.
func (c *Cluster) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	return mapping, err
}
