package certificate

import "sigs.k8s.io/structured-merge-diff/v6/fieldpath"

// AppliedByOthers says whether a field manager other than ours, and other than those we take
// over from, applies the field at a path of the live object, or anything below it.
func AppliedByOthers(live map[string]any, path ...string) bool {
	var at fieldpath.Path
	for _, name := range path {
		at = child(at, fieldpath.FieldNameElement(name))
	}
	below := func(held fieldpath.Path) bool { return within(held, at) }
	for _, e := range managedFields(live) {
		if e.operation == byApply && e.mainResource() && !e.ours() && !e.takeable() && !where(e.fields(), below).Empty() {
			return true
		}
	}
	return false
}

// Build returns the configuration without the fields that had to be left out.
func Build(in Input) map[string]any {
	config, _ := build(&in)
	return config
}

// RespectedItem is how the annotation [RespectedKey] lists a field.
func RespectedItem(wanted any, path ...string) string {
	var at fieldpath.Path
	for _, name := range path {
		at = child(at, fieldpath.FieldNameElement(name))
	}
	return respected(at, wanted)
}
