package source

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
)

// LintCases compares the objects of the type's own cases with the schema of a CustomResourceDefinition: a
// case of a shape that no object can have proves nothing. It tells fields that aren't there, and values of
// another type or that aren't allowed. Fields that are required may be missing, as a case has what the expression reads and no more. A
// case of an expression that fails may have any shape, and one that fits one of the type's versions is right. The error is that
// of [Type.Lint].
func (t Type) LintCases(definition map[string]any) ([]string, error) {
	schemas, err := t.schemas(definition)
	if err != nil {
		return nil, err
	}
	var faults []string
	for i, c := range t.Cases {
		if c.Fails == "" {
			faults = append(faults, t.misfits(index("spec.tests", i)+".object", declaration.AsJSON(c.Object), schemas)...)
		}
	}
	return faults, nil
}

// misfits are the faults of an object by the first of the schemas, none if it fits one of them.
func (t Type) misfits(path string, object map[string]any, schemas []versionSchema) []string {
	var first []string
	for i, s := range schemas {
		f := fitting{about: t.Kind + " " + s.version}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if name != "apiVersion" && name != "kind" && name != "metadata" {
				f.field(path, name, object[name], s.schema)
			}
		}
		if len(f.faults) == 0 {
			return nil
		}
		if i == 0 {
			first = f.faults
		}
	}
	return first
}

// fitting compares values with a schema.
type fitting struct {
	// about names the kind and its version.
	about  string
	faults []string
}

func (f *fitting) addf(path, format string, args ...any) {
	f.faults = append(f.faults, path+": "+f.about+" "+fmt.Sprintf(format, args...))
}

// field compares the field of an object with the object's schema.
func (f *fitting) field(path, name string, value any, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	if of, is := properties[name].(map[string]any); is {
		f.value(path+"."+name, value, of)
		return
	}
	switch of, is := schema["additionalProperties"].(map[string]any); {
	case is:
		f.value(path+"."+name, value, of)
	case !open(schema) && properties != nil:
		f.addf(path+"."+name, "has no such field%s", insteadOf(name, properties))
	}
}

func (f *fitting) value(path string, value any, schema map[string]any) {
	if value == nil {
		return
	}
	if wanted, _ := schema["type"].(string); wanted != "" && !isOf(wanted, value) {
		f.addf(path, "has %s there, not %s", article(wanted), article(typeOf(value)))
		return
	}
	if allowed := allowedIn(schema); allowed != nil && !slices.Contains(allowed, fmt.Sprint(value)) {
		f.addf(path, "doesn't allow %v there, only %s", value, strings.Join(allowed, ", "))
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			f.field(path, name, v[name], schema)
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, item := range v {
			f.value(index(path, i), item, items)
		}
	}
}

// allowedIn are the values that a schema allows, nil for any.
func allowedIn(schema map[string]any) []string {
	items, _ := schema["enum"].([]any)
	var allowed []string
	for _, item := range items {
		allowed = append(allowed, fmt.Sprint(item))
	}
	return allowed
}

// isOf reports whether a value as decoded from JSON is of a schema's type.
func isOf(wanted string, value any) bool {
	is := typeOf(value)
	return is == wanted || wanted == "number" && is == "integer"
}

// typeOf is the type of a value, as schemas call it.
func typeOf(value any) string {
	switch v := value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case float64:
		if v != math.Trunc(v) {
			return "number"
		}
	}
	return "integer"
}

func article(name string) string {
	if strings.ContainsAny(name[:1], "aio") {
		return "an " + name
	}
	return "a " + name
}
