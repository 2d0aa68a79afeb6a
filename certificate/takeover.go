package certificate

import "encoding/json"

// takeOver works out the managedFields by which the wanted fields become ours alone, as
// if we had applied them from the start. Fields of a shim that we don't want stay in its
// entry, status entries stay, and an entry of a version that is no longer served is
// rewritten to the served one, which lets applies through again. Where nobody is
// recorded at all, an apply would conflict with before-first-apply in all that differs.
func (s *settlement) takeOver(live map[string]any) {
	var rest []any
	entries := managedFields(live)
	changed := len(entries) == 0
	latest := ""
	for _, e := range entries {
		if e.ours() {
			latest = max(latest, e.time())
			changed = changed || e.unserved()
			continue
		}
		left, took := s.left(e, live)
		if took || e.taken() {
			latest = max(latest, e.time())
		}
		s.shimHeld = s.shimHeld || took && e.shim()
		changed = changed || took || e.unserved()
		if left != nil {
			rest = append(rest, map[string]any(left))
		}
	}
	if changed {
		s.entries = append([]any{s.ownEntry(latest)}, rest...)
	}
}

// ownEntry is our entry after the take-over. Its time is that of the latest entry that
// could be taken from, so that what a shim left is older, and what it writes later younger.
func (s *settlement) ownEntry(time string) any {
	own := map[string]any{
		"manager": FieldManager, "operation": string(byApply), "apiVersion": apiVersion,
		"fieldsType": "FieldsV1", "fieldsV1": s.owned.fieldsV1(),
	}
	if time != "" {
		own["time"] = time
	}
	return own
}

// left is what remains of another manager's entry, nil for nothing, and whether
// anything was taken from it.
func (s *settlement) left(e entry, live map[string]any) (entry, bool) {
	held := parseFields(e.fields())
	kept, took := fieldSet{}, false
	for path := range held {
		switch {
		case e.main() && s.takes(e, path, live):
			took = true
		case e.taken() && isContainer(path, live):
		default:
			kept[path] = true
		}
	}
	if !took && !e.unserved() {
		return e, false
	}
	if len(kept) == 0 {
		return nil, took
	}
	return e.with(kept), took
}

// takes says whether a field of an entry becomes ours alone.
func (s *settlement) takes(e entry, path fieldPath, live map[string]any) bool {
	want, wanted := s.wanted[path]
	if !wanted {
		return false
	}
	if e.taken() {
		return true
	}
	there, found := lookup(live, path)
	return identity(path) && (!found || !equal(there, want))
}

// isContainer says whether a path is not a value but only holds others. The status isn't
// ours to judge.
func isContainer(path fieldPath, live map[string]any) bool {
	if path.within(pathStatus) || path.keyed() {
		return false
	}
	if path == pathOwners || path == pathFinalizers {
		return true
	}
	value, _ := lookup(live, path)
	inside, ok := value.(map[string]any)
	return ok && len(inside) > 0
}

// with is the entry with another set, in the served version.
func (e entry) with(set fieldSet) entry {
	out := entry{}
	for name, value := range e {
		out[name] = value
	}
	out["apiVersion"] = apiVersion
	out["fieldsV1"] = set.fieldsV1()
	return out
}

// patch is the JSON patch that takes over, nil where there is nothing to take.
func (s *settlement) patch(resourceVersion string) ([]byte, error) {
	if s.entries == nil {
		return nil, nil
	}
	return json.Marshal([]any{
		map[string]any{"op": "replace", "path": "/metadata/managedFields", "value": s.entries},
		map[string]any{"op": "replace", "path": "/metadata/resourceVersion", "value": resourceVersion},
	})
}
