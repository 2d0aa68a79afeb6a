package declaration

import (
	"fmt"
	"slices"
	"testing"
)

// What an expression makes of a map comes in the order of the keys, at every evaluation: of a map of the object, and of one within a
// list.
func TestMapsAreReadInTheOrderOfTheirKeys(t *testing.T) {
	binds, want := map[string]any{}, []any{}
	for n := range 20 {
		name := fmt.Sprintf("b%02d", n)
		binds[name] = map[string]any{"port": int64(n)}
		want = append(want, name)
	}
	expressions := NewMappings(Bounds{Length: 1000, Cost: 100_000}, []string{"object"})
	for source, want := range map[string][]any{
		"object.binds.map(n, n)":                                     want,
		"object.list[0].map(n, n)":                                   want,
		"object.list.map(m, m.filter(n, true)).flatten()":            want,
		"object.binds.map(n, object.binds[n].port >= 0, n)":          want,
		"[object.binds].map(m, m.map(n, n)).flatten()":               want,
		"object.?binds.orValue({}).map(n, n)":                        want,
		"cel.bind(m, object.binds, m.map(n, n))":                     want,
		"[object.binds == object.list[0], 'b01' in object.binds]":    {true, true},
		"[size(object.binds), object.binds.b03.port]":                {int64(20), int64(3)},
		"[has(object.binds.b03), object.binds.all(n, n != 'other')]": {true, true},
	} {
		expression, err := expressions.Compile(source, List)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			got, err := expression.List(t.Context(), map[string]any{"object": map[string]any{"binds": binds, "list": []any{binds}}})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s gives %v, %v; want %v", source, got, err, want)
			}
		}
	}
}
