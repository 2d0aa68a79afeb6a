package certificate

// HeldByOthers says whether a field manager other than ours, and other than those we take
// over from, holds the field at a path of the live object, or anything below it.
func HeldByOthers(live map[string]any, path ...string) bool {
	for _, e := range managedFields(live) {
		if e.main() && !e.ours() && !e.taken() && e.holds(path) {
			return true
		}
	}
	return false
}

func (e entry) holds(path []string) bool {
	fields := e.fields()
	for _, step := range path {
		next, found := fields["f:"+step].(map[string]any)
		if !found {
			return false
		}
		fields = next
	}
	return true
}
