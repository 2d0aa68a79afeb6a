package app_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// sameJSON wants the encoder to write what encoding/json does.
func sameJSON(t *testing.T, r ownership.Report, secret string, source *problem.Object, raw any) {
	t.Helper()
	got, want, err := app.AuditJSON(r, secret, source, raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-encoding/json +ours)\n%s", diff)
	}
}

// Whatever member the structs have, the encoder has it, too, and leaves out what they do.
func TestAuditJSONIsThatOfTheStructs(t *testing.T) {
	var full ownership.Report
	fill(t, reflect.ValueOf(&full).Elem())
	full.Heal = []byte(`[{"op": "test", "path": "/metadata/resourceVersion", "value": "<7>"}]`)
	values := []any{
		nil, "", "720h0m0s", "a <b> & \"c\" \\ \x00\x1b\u202e\u2028é😀", "\xff", true, false, int64(-7), int64(1) << 60, 1.5, 1e30,
		[]any{}, []any(nil), map[string]any{}, map[string]any(nil),
		[]any{"a", nil, int64(1), []any{"b"}, map[string]any{"z": "1", "a <": "2", "\x1b": false}},
	}
	for _, live := range values {
		for _, wanted := range values {
			full.Fields = append(full.Fields, ownership.Field{Path: ".spec.duration", Live: live, Wanted: wanted})
		}
		sameJSON(t, full, "web-tls", &problem.Object{Kind: "Ingress", Name: "web"}, live)
	}
	sameJSON(t, ownership.Report{}, "", nil, nil)
}

// fill sets all that a value has to something that isn't zero.
func fill(t *testing.T, value reflect.Value) {
	t.Helper()
	if changed, is := value.Addr().Interface().(*time.Time); is {
		*changed = time.Date(2026, 4, 1, 10, 0, 0, 5000, time.FixedZone("", 3600))
		return
	}
	switch value.Kind() {
	case reflect.String:
		value.SetString("text")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int64:
		value.SetInt(7)
	case reflect.Interface:
		value.Set(reflect.ValueOf("value"))
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(t, value.Elem())
	case reflect.Struct:
		for i := range value.NumField() {
			fill(t, value.Field(i))
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		for i := range value.Len() {
			fill(t, value.Index(i))
		}
	case reflect.Map, reflect.Uint8:
	default:
		t.Fatalf("%s can't be filled", value.Type())
	}
}

// Whatever stands in a Certificate, the encoder writes it as encoding/json does.
func FuzzAuditJSON(f *testing.F) {
	f.Add("helm", `{"a": [1, "<", null, {"b": 1.5}]}`)
	f.Add("</script>\x1b[31m\u202e", `"\u0000\\"`)
	f.Add("", `[]`)
	f.Fuzz(func(t *testing.T, text, value string) {
		var live any
		if json.Unmarshal([]byte(value), &live) != nil {
			live = value
		}
		holder := ownership.Holder{Manager: text, Operation: text, Subresource: text, APIVersion: text, Class: ownership.Class(text)}
		sameJSON(t, ownership.Report{
			Namespace: text, Name: text, UID: text,
			Fields:  []ownership.Field{{Path: text, Live: live, Holders: []ownership.Holder{holder}, Should: ownership.Should{Manager: text}}},
			Entries: []ownership.Entry{{Holder: holder}},
		}, text, &problem.Object{Group: text, Kind: text, Name: text}, live)
	})
}
