package manifest

import (
	"encoding/json"
	"unicode/utf8"

	goyaml "go.yaml.in/yaml/v2"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// deepest is how many levels a document may have that [plain] reads.
const deepest = 100

// plain reads a YAML document into what [chunk.converted] makes of it, without the detour by JSON.
// It is false for one that is rare or wrong, of which that is to judge.
func plain(text []byte) (content any, is bool) {
	defer func() {
		if recover() != nil {
			content, is = nil, false
		}
	}()
	if goyaml.UnmarshalStrict(text, &content) != nil {
		return nil, false
	}
	return asFromJSON(content, deepest)
}

// asFromJSON gives a value of the YAML library as it would come back from JSON; false for one that
// would not, or not so easily.
func asFromJSON(value any, levels int) (any, bool) {
	switch v := value.(type) {
	case nil, bool:
		return v, true
	case int:
		return int64(v), true
	case string:
		return v, utf8.ValidString(v)
	case []any:
		return v, levels > 0 && eachFromJSON(v, levels-1)
	case map[any]any:
		if levels == 0 {
			return nil, false
		}
		return objectFromJSON(v, levels-1)
	default:
		return throughJSON(v)
	}
}

func eachFromJSON(list []any, levels int) (is bool) {
	for i, item := range list {
		if list[i], is = asFromJSON(item, levels); !is {
			return false
		}
	}
	return true
}

func objectFromJSON(fields map[any]any, levels int) (any, bool) {
	object := make(map[string]any, len(fields))
	for key, value := range fields {
		name, isText := key.(string)
		if !isText || !utf8.ValidString(name) {
			return nil, false
		}
		converted, is := asFromJSON(value, levels)
		if !is {
			return nil, false
		}
		object[name] = converted
	}
	return object, true
}

// throughJSON takes the detour with a single value, such as a number with a fraction.
func throughJSON(value any) (out any, is bool) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	return out, utiljson.Unmarshal(text, &out) == nil
}
