package declaration

import (
	"maps"
	"slices"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// ordered hands values over to expressions with their maps in the order of their keys: cel-go goes through
// a map as Go does, in another order each time, so that an expression that makes a list of a map would give another list.
// A map that is written in the expression itself isn't handed over.
type ordered struct{}

func (o ordered) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case map[string]any:
		return orderedMap{types.NewStringInterfaceMap(o, v), v}
	case []any:
		return types.NewDynamicList(o, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

type orderedMap struct {
	traits.Mapper
	fields map[string]any
}

// Iterator goes through the keys in their order.
func (m orderedMap) Iterator() traits.Iterator {
	return types.NewStringList(ordered{}, slices.Sorted(maps.Keys(m.fields))).Iterator()
}
