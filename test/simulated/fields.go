package simulated

import (
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/certshim/certshim/test/objectmeta"
)

// newFields is the API server's own code for managedFields, on the schema of the first version of a definition.
func newFields(definition *unstructured.Unstructured) (*managedfields.FieldManager, error) {
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil || len(versions) == 0 {
		return nil, fmt.Errorf("%s has no versions: %w", definition.GetName(), err)
	}
	version, _ := versions[0].(map[string]any)
	described, found, err := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
	if err != nil || !found {
		return nil, errors.Join(fmt.Errorf("%s has no schema", definition.GetName()), err)
	}
	text, err := json.Marshal(described)
	if err != nil {
		return nil, err
	}
	whole := &spec.Schema{}
	if err := json.Unmarshal(text, whole); err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", definition.GetName(), err)
	}
	kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	gvk := schema.GroupVersionKind{Group: group, Version: fmt.Sprint(version["name"]), Kind: kind}
	whole.Properties["metadata"] = objectmeta.Schema()
	whole.AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind}})
	converter, err := managedfields.NewTypeConverter(map[string]*spec.Schema{kind: whole}, false)
	if err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", definition.GetName(), err)
	}
	return managedfieldstest.NewFakeFieldManager(converter, gvk), nil
}
