package differential

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/certshim/certshim/test/objectmeta"
)

var certificateGVK = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}

// fields is the API server's own code for managedFields, on the schema of a Certificate as
// far as ownership goes: ownerReferences by uid, lists of the spec as wholes, objects of it
// field by field.
var fields = sync.OnceValue(func() *managedfields.FieldManager {
	converter, err := managedfields.NewTypeConverter(map[string]*spec.Schema{"Certificate": certificateSchema()}, false)
	if err != nil {
		panic(fmt.Sprintf("the schema of a Certificate: %v", err))
	}
	return managedfieldstest.NewFakeFieldManager(converter, certificateGVK)
})

func certificateSchema() *spec.Schema {
	whole := objectmeta.Object(map[string]spec.Schema{
		"apiVersion": *spec.StringProperty(), "kind": *spec.StringProperty(), "spec": objectmeta.Free(),
		"metadata": objectmeta.Schema(),
	})
	whole.AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{
		"group": certificateGVK.Group, "version": certificateGVK.Version, "kind": certificateGVK.Kind,
	}})
	return &whole
}

// applied is a Certificate after a server-side apply; live is nil for one that is made.
func applied(live *unstructured.Unstructured, config map[string]any, manager string, force bool) (*unstructured.Unstructured, error) {
	if live == nil {
		live = &unstructured.Unstructured{}
		live.SetGroupVersionKind(certificateGVK)
	}
	out, err := fields().Apply(live.DeepCopy(), copyOf(config), manager, force)
	if err != nil {
		return nil, fmt.Errorf("apply: %w", err)
	}
	return out.(*unstructured.Unstructured), nil
}

// updated is a Certificate after an ordinary update.
func updated(live *unstructured.Unstructured, manager string, edit func(*unstructured.Unstructured)) (*unstructured.Unstructured, error) {
	edited := live.DeepCopy()
	edit(edited)
	out, err := fields().Update(live.DeepCopy(), edited, manager)
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	return out.(*unstructured.Unstructured), nil
}

// patched is a Certificate after the JSON patch of a take-over, which replaces
// managedFields and nothing else.
func patched(live *unstructured.Unstructured, patch []byte) (*unstructured.Unstructured, error) {
	var operations []struct {
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(patch, &operations); err != nil {
		return nil, fmt.Errorf("the patch of a take-over: %w", err)
	}
	out := live.DeepCopy()
	for _, operation := range operations {
		if operation.Path != "/metadata/managedFields" {
			continue
		}
		if err := unstructured.SetNestedField(out.Object, operation.Value, "metadata", "managedFields"); err != nil {
			return nil, fmt.Errorf("the patch of a take-over: %w", err)
		}
	}
	return out, nil
}

func copyOf(content map[string]any) *unstructured.Unstructured {
	return (&unstructured.Unstructured{Object: content}).DeepCopy()
}
