package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// Lint compares the fields that the expression names with the schema of a CustomResourceDefinition: it
// tells each field that a version of the type doesn't have, with the nearest one. This is advice,
// as versions differ. The error says that the definition is of another kind, or has no such version.
func (t Type) Lint(definition map[string]any) ([]string, error) {
	schemas, err := t.schemas(definition)
	if err != nil {
		return nil, err
	}
	if plural := namesIn(definition)["plural"]; plural != t.Resource {
		return []string{fmt.Sprintf("spec.resource: %s, but the definition has %v", t.Resource, plural)}, nil
	}
	fields, err := t.Fields()
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, s := range schemas {
		for _, path := range fields {
			if fault := missingField(s.schema, path); fault != "" {
				faults = append(faults, fmt.Sprintf("%s: %s %s has no such field%s", path, t.Kind, s.version, fault))
			}
		}
	}
	return faults, nil
}

// versionSchema is the schema of a version.
type versionSchema struct {
	version string
	schema  map[string]any
}

// schemas are those of the versions that the type reads and the definition serves; there is one at least.
func (t Type) schemas(definition map[string]any) ([]versionSchema, error) {
	spec, names := specIn(definition), namesIn(definition)
	if spec["group"] != t.Group || names["kind"] != t.Kind {
		return nil, fmt.Errorf("the definition is of %v of group %v, must be of %s of group %s", names["kind"], spec["group"], t.Kind, t.Group)
	}
	var schemas []versionSchema
	versions, _ := spec["versions"].([]any)
	for _, item := range versions {
		version, _ := item.(map[string]any)
		name, _ := version["name"].(string)
		if served, _ := version["served"].(bool); !served || !slices.Contains(t.Versions, name) {
			continue
		}
		holder, _ := version["schema"].(map[string]any)
		schema, _ := holder["openAPIV3Schema"].(map[string]any)
		schemas = append(schemas, versionSchema{name, schema})
	}
	if len(schemas) == 0 {
		return nil, fmt.Errorf("the definition serves none of the versions %s", strings.Join(t.Versions, ", "))
	}
	return schemas, nil
}

func specIn(definition map[string]any) map[string]any {
	spec, _ := definition["spec"].(map[string]any)
	return spec
}

func namesIn(definition map[string]any) map[string]any {
	names, _ := specIn(definition)["names"].(map[string]any)
	return names
}

// missingField says which field is meant by a path that a schema doesn't have: "; did you mean x?",
// or that the fields are others. It is empty for a path that the schema has, or may have.
func missingField(schema map[string]any, path string) string {
	for _, step := range strings.FieldsFunc(strings.ReplaceAll(path, "[]", ".[]"), func(c rune) bool { return c == '.' }) {
		if step == "metadata" || step != "[]" && open(schema) {
			return ""
		}
		if step == "[]" {
			items, is := schema["items"].(map[string]any)
			if !is {
				items, is = schema["additionalProperties"].(map[string]any)
			}
			if !is {
				return ""
			}
			schema = items
			continue
		}
		properties, is := schema["properties"].(map[string]any)
		if !is {
			return ""
		}
		next, found := properties[step].(map[string]any)
		if !found {
			return insteadOf(step, properties)
		}
		schema = next
	}
	return ""
}

// insteadOf says which field of a schema is meant by a name that it doesn't have, or which there are.
func insteadOf(name string, properties map[string]any) string {
	fields := slices.Sorted(maps.Keys(properties))
	if near := nearestField(name, fields); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; the fields there are " + AllowedNames(fields)
}

// nearestField is the one that is spelt nearly the same, or that alone goes on or begins as the name.
func nearestField(name string, fields []string) string {
	if near := declaration.Nearest(name, fields); near != "" {
		return near
	}
	var alike []string
	for _, field := range fields {
		if strings.HasPrefix(field, name) || strings.HasPrefix(name, field) {
			alike = append(alike, field)
		}
	}
	if len(alike) == 1 {
		return alike[0]
	}
	return ""
}

// open says whether an object of a schema may have fields that the schema doesn't name.
func open(schema map[string]any) bool {
	unknown, _ := schema["x-kubernetes-preserve-unknown-fields"].(bool)
	_, additional := schema["additionalProperties"]
	return unknown || additional
}
