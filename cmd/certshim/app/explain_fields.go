package app

import (
	"maps"
	"reflect"
	"slices"

	"github.com/certshim/certshim/certificate"
)

// difference is a field of a Certificate that is otherwise than asked for.
type difference struct {
	Field string `json:"field"`
	// Live and Wanted are values as JSON; empty where there is none.
	Live   string `json:"live,omitempty"`
	Wanted string `json:"wanted,omitempty"`
}

// differences are the fields that a decision would change, or leaves to somebody else.
func differences(live map[string]any, c certificate.Decision) []difference {
	if live == nil || c.Config == nil {
		return nil
	}
	after := certificate.After(live, c.Config)
	var found []difference
	for _, place := range []struct{ above, field string }{{"", "spec"}, {"metadata", "labels"}, {"metadata", "annotations"}} {
		was, is := fieldsAt(live, place.above, place.field), fieldsAt(after, place.above, place.field)
		names := slices.Sorted(maps.Keys(was))
		for name := range is {
			if _, known := was[name]; !known {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if reflect.DeepEqual(was[name], is[name]) {
				continue
			}
			field := place.field + "." + name
			if place.above != "" {
				field = place.above + "." + place.field + "[" + name + "]"
			}
			found = append(found, difference{Field: field, Live: shortIf(was, name), Wanted: shortIf(is, name)})
		}
	}
	return found
}

func fieldsAt(object map[string]any, above, field string) map[string]any {
	if above != "" {
		object, _ = object[above].(map[string]any)
	}
	fields, _ := object[field].(map[string]any)
	return fields
}

func shortIf(fields map[string]any, name string) string {
	value, there := fields[name]
	if !there {
		return ""
	}
	return short(value)
}
