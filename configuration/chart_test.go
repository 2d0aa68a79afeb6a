package configuration_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/declaration/pages"
)

// The schema of the chart's values knows each field of the configuration, and no other, so that a wrong one is
// refused before it reaches a cluster.
func TestTheChartKnowsEachField(t *testing.T) {
	const folder, name = "../deploy/chart", "values.schema.json"
	text, err := os.ReadFile(folder + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	properties := schema["properties"].(map[string]any)
	config := schemaOf(reflect.TypeFor[configuration.Configuration]())
	fields := config["properties"].(map[string]any)
	delete(fields, "apiVersion")
	delete(fields, "kind")
	properties["config"] = orNull(config)
	want, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	pages.AreUpToDate(t, "go generate ./configuration", folder, map[string]string{name: string(want) + "\n"})
}

// schemaOf is the JSON Schema of a type as it is written in YAML.
func schemaOf(of reflect.Type) map[string]any {
	if of == reflect.TypeFor[time.Duration]() {
		return map[string]any{"type": "string"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return schemaOf(of.Elem())
	case reflect.Struct:
		return schemaOfStruct(of)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(of.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(of.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	default:
		return map[string]any{"type": "string"}
	}
}

// orNull lets a later file of values unset what an earlier one has.
func orNull(schema map[string]any) map[string]any {
	schema["type"] = []any{schema["type"], "null"}
	return schema
}

func schemaOfStruct(of reflect.Type) map[string]any {
	properties := map[string]any{}
	for field := range of.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if options == "inline" {
			maps.Copy(properties, schemaOfStruct(field.Type)["properties"].(map[string]any))
			continue
		}
		properties[name] = orNull(schemaOf(field.Type))
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}
