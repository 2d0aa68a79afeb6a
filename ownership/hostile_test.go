package ownership_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// managed is what is asked for as it lives, with managedFields in JSON.
func managed(t testing.TB, text string) map[string]any {
	t.Helper()
	var list any
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	out := live(t, nil)
	out["metadata"].(map[string]any)["managedFields"] = list
	return out
}

func manyEntries(n int) string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"manager":"m%d","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{},"f:x%d":{}}}}`, i, i)
	}
	return "[" + strings.Join(entries, ",") + "]"
}

func TestHostileManagedFields(t *testing.T) {
	for name, row := range map[string]struct {
		managed string
		unread  int
		holders int // of .spec.duration
		fails   bool
	}{
		"null":                        {managed: `null`},
		"empty":                       {managed: `[]`},
		"no list":                     {managed: `{"a":1}`, unread: 1},
		"no objects":                  {managed: `[1,"x",null,[]]`, unread: 4, fails: true},
		"an empty entry":              {managed: `[{}]`, unread: 1, fails: true},
		"fields that are none":        {managed: `[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":7}]`, unread: 1, fails: true},
		"fields without a type":       {managed: `[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, unread: 1, holders: 1, fails: true},
		"an unknown operation":        {managed: `[{"manager":"m","operation":"Steal","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, unread: 1, holders: 1, fails: true},
		"elements that are none":      {managed: `[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}},"z:z":{"f:a":{}}}}]`, holders: 1},
		"a manager without a name":    {managed: `[{"manager":"","operation":"Update","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, holders: 1},
		"one entry twice":             {managed: `[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}},{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, holders: 2},
		"no time, and in the future":  {managed: `[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","time":"2099-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}},{"manager":"n","time":"yesterday","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, holders: 2},
		"times that JSON can't have":  {managed: `[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","time":"2026-01-01T00:00:00+24:00","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}},{"manager":"n","time":"0000-01-01T00:00:00+23:00","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, holders: 2},
		"a thousand entries":          {managed: manyEntries(1000), holders: 1000},
		"a version that isn't served": {managed: `[{"manager":"m","operation":"Update","apiVersion":"cert-manager.io/v1alpha2","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`, holders: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			object := managed(t, row.managed)
			r := ownership.Of(ownership.Input{Live: object, Asked: asking(t)})
			if r.Unread != row.unread || len(r.Fields) != 7 {
				t.Errorf("got %d unread, %d fields: %v", r.Unread, len(r.Fields), r.Fields)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			for _, f := range r.Fields {
				if f.Path == ".spec.duration" && len(f.Holders) != row.holders {
					t.Errorf("%d hold it, want %d: %v", len(f.Holders), row.holders, f.Holders)
				}
			}
			if _, err := ownership.Predict(object, asking(t), "certshim", true); (err != nil) != row.fails {
				t.Errorf("got the error %v, want one: %t", err, row.fails)
			}
		})
	}
}

func asking(t testing.TB) map[string]any { return object(t, asked) }

func TestUnservedEntriesAreHealed(t *testing.T) {
	before := live(t, nil, ours, "x Update@v1alpha2 spec>duration")
	if _, err := ownership.Predict(before, asking(t), "certshim", true); err == nil || !strings.Contains(err.Error(), `"cert-manager.io/v1alpha2"`) {
		t.Errorf("got the error %v, want one that names the version", err)
	}
	var patch []struct {
		Op, Path string
		Value    any
	}
	r := ownership.Of(ownership.Input{Live: before})
	if err := json.Unmarshal(r.Heal, &patch); err != nil {
		t.Fatalf("%s: %v", r.Heal, err)
	}
	if len(patch) != 2 || patch[0].Path != "/metadata/managedFields" || patch[1].Path != "/metadata/resourceVersion" || patch[1].Value != "7" {
		t.Fatalf("got %s", r.Heal)
	}
	before["metadata"].(map[string]any)["managedFields"] = patch[0].Value
	healed := ownership.Of(ownership.Input{Live: before, Asked: asking(t)})
	if healed.Heal != nil || healed.Counts()[ownership.Unserved] != 0 || len(healed.Entries) != 2 {
		t.Errorf("got %+v", healed)
	}
	if _, err := ownership.Predict(before, asking(t), "certshim", true); err != nil {
		t.Error(err)
	}
}

// Whatever stands in managedFields, it is read, and nobody gets a field that it doesn't name.
func FuzzManagedFields(f *testing.F) {
	f.Add(`[{"manager":"m","operation":"Apply","apiVersion":"cert-manager.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:duration":{}}}}]`)
	f.Add(`[{"fieldsV1":{"f:metadata":{"f:ownerReferences":{"k:{\"uid\":\"1\"}":{}}}}},{},7]`)
	f.Add(`[{"manager":"certshim","operation":"Apply","fieldsV1":{"f:spec":{".":{},"f:dnsNames":{"v:\"a\"":{}},"i:3":{}}}}]`)
	f.Add(`{"a":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var list any
		if json.Unmarshal([]byte(text), &list) != nil {
			return
		}
		object := live(t, nil)
		object["metadata"].(map[string]any)["managedFields"] = list
		r := ownership.Of(ownership.Input{Live: object, Asked: asking(t)})
		ownership.See(object)
		for _, field := range r.Fields {
			if field.Verdict == "" {
				t.Errorf("%s has no verdict", field.Path)
			}
			if len(field.Holders) > len(r.Entries) {
				t.Errorf("%s has more holders than there are entries", field.Path)
			}
		}
		if p, err := ownership.Next(object, asking(t), certificate.Choice{}); err == nil && p.Object == nil {
			t.Error("neither an object nor an error")
		}
	})
}

// What is secret in a Certificate is a keystore's password, which kubectl's annotation repeats.
func TestPasswordsAreNotShown(t *testing.T) {
	live := map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": `{"password":"changeit"}`, "team": "a"}},
		"spec":     map[string]any{"keystores": map[string]any{"jks": map[string]any{"create": true, "password": "changeit"}}},
	}
	for _, asked := range []map[string]any{nil, live} {
		report := ownership.Of(ownership.Input{Live: live, Asked: asked})
		text, err := json.Marshal(report)
		if err != nil || strings.Contains(string(text), "changeit") || strings.Count(string(text), ownership.NotShown) < 2 {
			t.Errorf("the report has a password: %s, %v", text, err)
		}
	}
}
