package cluster

import (
	"context"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/certshim/certshim/certificate"
)

// Writer is every request about one object, a Certificate mostly. [AnswerOf] says what an error means.
type Writer interface {
	// Get reads it as it is now.
	Get(ctx context.Context, name types.NamespacedName) (map[string]any, error)
	// Apply sends an apply configuration and gives the resourceVersion that the Certificate has
	// then. The guard goes into its metadata. With force it takes fields from others, for which
	// the guard must have a resourceVersion, and a uid.
	Apply(ctx context.Context, name types.NamespacedName, config map[string]any, guard certificate.Guard, force bool) (resourceVersion string, err error)
	// Patch sends a JSON patch of managedFields and gives the new resourceVersion.
	Patch(ctx context.Context, name types.NamespacedName, patch []byte) (resourceVersion string, err error)
	// Delete removes exactly the object of the guard.
	Delete(ctx context.Context, name types.NamespacedName, guard certificate.Guard) error
}

// CreateOnly guards an apply that fails where the object exists: no object has this
// resourceVersion, and one that is absent is not compared.
func CreateOnly() certificate.Guard { return certificate.Guard{ResourceVersion: "1"} }

// dynamicWriter is the Writer over the dynamic client.
type dynamicWriter struct {
	// client decodes whole objects; blind only the identity of what it gets.
	client, blind dynamic.NamespaceableResourceInterface
	// bounded gives the context of a request.
	bounded func(context.Context) (context.Context, context.CancelFunc)
}

// Writer gives the [Writer] of Certificates.
func (c *Connection) Writer() (Writer, error) { return c.WriterOf(certificate.Resource()) }

// WriterOf gives the [Writer] of the objects of a resource, whose writes go through the gate of this
// connection.
func (c *Connection) WriterOf(resource schema.GroupVersionResource) (Writer, error) {
	client, err := c.dynamic(nil, nil, runtime.ContentTypeJSON, c.gated())
	if err != nil {
		return nil, err
	}
	blind, err := c.dynamic([]string{}, nil, runtime.ContentTypeJSON, c.gated())
	if err != nil {
		return nil, err
	}
	return dynamicWriter{client: client.Resource(resource), blind: blind.Resource(resource), bounded: WithRequestTimeout}, nil
}

func (w dynamicWriter) Get(ctx context.Context, name types.NamespacedName) (map[string]any, error) {
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	object, err := w.client.Namespace(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return object.Object, nil
}

func (w dynamicWriter) Apply(ctx context.Context, name types.NamespacedName, config map[string]any, guard certificate.Guard, force bool) (string, error) {
	if force && (guard.UID == "" || guard.ResourceVersion == "") {
		return "", fmt.Errorf("apply %s by force: no resourceVersion says by which state that was decided", name)
	}
	body, err := encode(guarded(config, guard))
	if err != nil {
		return "", err
	}
	// An apply is held against the schema anyway, and refused for a field that is not in it.
	// Validation would decode it once more, for warnings, which costs the server 5 %.
	options := metav1.PatchOptions{FieldManager: certificate.FieldManager, FieldValidation: metav1.FieldValidationIgnore}
	if force {
		options.Force = &force
	}
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	object, err := w.blind.Namespace(name.Namespace).Patch(ctx, name.Name, types.ApplyPatchType, body, options)
	if err != nil {
		return "", err
	}
	return object.GetResourceVersion(), nil
}

func (w dynamicWriter) Patch(ctx context.Context, name types.NamespacedName, patch []byte) (string, error) {
	options := metav1.PatchOptions{FieldManager: certificate.FieldManager}
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	object, err := w.client.Namespace(name.Namespace).Patch(ctx, name.Name, types.JSONPatchType, patch, options)
	if err != nil {
		return "", err
	}
	return object.GetResourceVersion(), nil
}

func (w dynamicWriter) Delete(ctx context.Context, name types.NamespacedName, guard certificate.Guard) error {
	uid := types.UID(guard.UID)
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	if guard.ResourceVersion != "" {
		options.Preconditions.ResourceVersion = &guard.ResourceVersion
	}
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	return w.client.Namespace(name.Namespace).Delete(ctx, name.Name, options)
}

// guarded is the configuration with what must hold when it arrives; the configuration
// itself, which others may share, stays as it is.
func guarded(config map[string]any, guard certificate.Guard) map[string]any {
	config = maps.Clone(config)
	whole, _ := config["metadata"].(map[string]any)
	metadata := maps.Clone(whole)
	if metadata == nil {
		metadata = map[string]any{}
	}
	if guard.UID != "" {
		metadata["uid"] = guard.UID
	}
	if guard.ResourceVersion != "" {
		metadata["resourceVersion"] = guard.ResourceVersion
	}
	config["metadata"] = metadata
	return config
}
