package crds

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/source"
)

// resourceOf is the preferred resource of a source type.
func resourceOf(of source.Type) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: of.Group, Version: of.Versions[0], Resource: of.Resource}
}

// Each type of the catalogue reads fields that its project's definition has, and the check of a
// declaration tells each of them that the definition calls something else.
func TestTheCatalogueFitsTheDefinitions(t *testing.T) {
	types, err := source.ShippedTypes()
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range types {
		t.Run(of.ID, func(t *testing.T) {
			t.Parallel()
			definition, err := Kind(t.Context(), resourceOf(of))
			if err != nil {
				t.Fatal(err)
			}
			if faults, err := of.Lint(definition.Object); err != nil || len(faults) > 0 {
				t.Fatalf("%q, %v", faults, err)
			}
			if faults, err := of.LintCases(definition.Object); err != nil || len(faults) > 0 {
				t.Errorf("the objects of its tests: %q, %v", faults, err)
			}
			renamed, misses, first := 0, 0, of
			first.Versions = of.Versions[:1]
			for _, path := range fieldsOf(t, of) {
				other := definition.DeepCopy()
				if !rename(schemaOf(other, of.Versions[0]), strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".")) {
					continue
				}
				renamed++
				faults, err := of.Lint(other.Object)
				if err != nil || !slices.ContainsFunc(faults, func(fault string) bool { return strings.HasPrefix(fault, path+": ") }) {
					t.Errorf("%s is called otherwise: %q, %v", path, faults, err)
				}
				faults, err = first.LintCases(other.Object)
				if err != nil {
					t.Error(err)
				}
				misses += len(faults)
			}
			if isOpen := of.ID == "gloo-virtualservice"; (renamed == 0) != isOpen {
				t.Errorf("%d fields are in the definition", renamed)
			}
			if (misses == 0) != (renamed == 0) {
				t.Errorf("of %d fields that are called otherwise, the objects of its tests miss %d", renamed, misses)
			}
		})
	}
}

func fieldsOf(t *testing.T, of source.Type) []string {
	t.Helper()
	fields, err := of.Fields()
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func schemaOf(definition *unstructured.Unstructured, version string) map[string]any {
	versions, _ := definition.Object["spec"].(map[string]any)["versions"].([]any)
	for _, item := range versions {
		if of := item.(map[string]any); of["name"] == version {
			return of["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)
		}
	}
	return nil
}

// rename gives the field of a schema that the steps lead to another name. It is false for one that the
// schema doesn't name.
func rename(schema map[string]any, steps []string) bool {
	if steps[0] == "[]" {
		items, is := schema["items"].(map[string]any)
		return is && len(steps) > 1 && rename(items, steps[1:])
	}
	properties, _ := schema["properties"].(map[string]any)
	field, is := properties[steps[0]].(map[string]any)
	switch {
	case !is || steps[0] == "metadata":
		return false
	case len(steps) > 1:
		return rename(field, steps[1:])
	}
	delete(properties, steps[0])
	properties[steps[0]+"Renamed"] = field
	return true
}
