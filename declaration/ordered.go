package declaration

import (
	"cmp"
	"fmt"
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
	var out ref.Val
	switch v := value.(type) {
	case map[string]any:
		out = types.NewStringInterfaceMap(o, v)
	case []any:
		return types.NewDynamicList(o, v)
	default:
		out = types.DefaultTypeAdapter.NativeToValue(value)
	}
	if m, is := out.(traits.Mapper); is {
		return orderedMap{m}
	}
	return out
}

type orderedMap struct{ traits.Mapper }

// Iterator goes through the keys in their order.
func (m orderedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for i := m.Mapper.Iterator(); i.HasNext() == types.True; {
		keys = append(keys, i.Next())
	}
	slices.SortFunc(keys, func(a, b ref.Val) int {
		x, isText := a.Value().(string)
		y, isTextToo := b.Value().(string)
		if isText && isTextToo {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(fmt.Sprint(a.Value()), fmt.Sprint(b.Value()))
	})
	return types.NewRefValList(ordered{}, keys).Iterator()
}
