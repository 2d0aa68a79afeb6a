package cluster

import (
	"encoding/json"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestAYAMLParserReadsWhatWasMeant goes by the library with which the API server reads an apply.
func TestAYAMLParserReadsWhatWasMeant(t *testing.T) {
	for name, value := range map[string]string{
		"plain":           "Company & <Sons>",
		"escaped in JSON": "quote \" backslash \\ tab \t line \n nul \x00 one \x01",
		"delete":          "a\x7fb",
		"next line":       "a\u0085b",
		"control":         "a\u0080b\u0091c\u009fd",
		"separators":      "a\u2028b\u2029c",
		"byte order mark": "a\ufeffb",
		"no characters":   "a\ufffeb\uffffc",
		"letters":         "Ä\u00a0ß 漢 \ue000 \ufffd 🔐",
		"beside a letter": "Ä\u0085漢",
		"like a key":      "a: b # c",
	} {
		t.Run(name, func(t *testing.T) {
			config := map[string]any{"spec": map[string]any{"secretName": "tls", "subject": map[string]any{"organizations": []any{value}}}}
			body, err := encode(config)
			if err != nil {
				t.Fatal(err)
			}
			for reader, unmarshal := range map[string]func([]byte, any) error{
				"JSON": json.Unmarshal,
				"YAML": func(data []byte, to any) error { return yaml.Unmarshal(data, to) },
			} {
				var got map[string]any
				if err := unmarshal(body, &got); err != nil {
					t.Errorf("%s: %v\n%s", reader, err, body)
				} else if !reflect.DeepEqual(got, config) {
					t.Errorf("%s reads %q, want %q", reader, got, config)
				}
			}
		})
	}
}

func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"Company", "a\u0085b", "\x7f", "\ufeff", "🔐\u2028", "a: b"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if len(name)+len(value) > 1000 {
			return // the parser's time grows with the square of a line's length
		}
		config := map[string]any{"spec": map[string]any{name: []any{value}}}
		body, err := encode(config)
		if err != nil {
			return // no UTF-8, which the API server never stores
		}
		var got map[string]any
		if err := yaml.Unmarshal(body, &got); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if !reflect.DeepEqual(got, config) {
			t.Fatalf("read as %q, want %q", got, config)
		}
	})
}
