package certificate

import (
	"encoding/json"
	"maps"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/problem"
)

// Leaves reports whether a Certificate that belongs to a source is left as it is until an operator adopts
// it: certshim has never applied it, and a writer that it would take over from holds it.
func (p Policy) Leaves(seen Observed) bool {
	return p.ManualTakeOver && p.Adoption == nil && seen.Flags.Has(ShimEntries) && !seen.Flags.Has(Applied)
}

// leftToAdopt leaves alone what is to be taken over by hand. What is asked for is known by then, so that
// it can be shown what adopting would come to.
func leftToAdopt(d *decider) bool {
	if !d.in.Policy.Leaves(d.seen) {
		return false
	}
	d.addProblem(problem.Info, problem.LeftToAdopt, "cert-manager's shim made Certificate "+problem.Name(d.seen.Name)+
		", and takeover.mode is manual: it stays as it is until certshim adopt takes it over")
	return d.decide(Keep, CauseLeftToAdopt)
}

// takeOver computes managedFields in which the wanted fields are ours alone, as if we had
// applied them from the start. Fields of a shim that we don't want stay in its entry, and so do
// status entries. An entry of a version that is no longer served is rewritten to the served one,
// without which every apply would fail. Without any entries, an apply would conflict with
// before-first-apply in every difference, so that our entry is added first.
func (s *settlement) takeOver(live map[string]any) {
	var rest []any
	entries := managedFields(live)
	changed := len(entries) == 0
	latest := ""
	for _, e := range entries {
		if e.ours() {
			latest = max(latest, e.time)
			changed = changed || e.unservedVersion()
			continue
		}
		left, took := s.remainder(e, live)
		if took || s.choice.takes(e.holder) {
			latest = max(latest, e.time)
		}
		s.shimHeld = s.shimHeld || took && e.byShim()
		changed = changed || took || e.unservedVersion()
		if left != nil {
			rest = append(rest, left)
		}
	}
	if changed {
		s.entries = append([]any{s.ownEntry(latest)}, rest...)
	}
}

// ownEntry returns our entry after the take-over. Its time is that of the latest entry that
// fields could be taken from, so that later writes of a shim are newer.
func (s *settlement) ownEntry(time string) any {
	own := map[string]any{
		"manager": FieldManager, "operation": string(byApply), "apiVersion": apiVersion,
		"fieldsType": "FieldsV1", "fieldsV1": fieldsV1{s.owned},
	}
	if time != "" {
		own["time"] = time
	}
	return own
}

// remainder returns what remains of another manager's entry, nil for nothing, and whether
// anything was taken from it.
func (s *settlement) remainder(e entry, live map[string]any) (map[string]any, bool) {
	held, taken := e.fields(), s.taken(e, live)
	took := !taken.Empty()
	if !took && !e.unservedVersion() {
		return e.content, false
	}
	kept := held.Difference(taken)
	if s.choice.takes(e.holder) {
		kept = where(kept, func(path fieldpath.Path) bool { return !isContainer(path, live) })
	}
	if kept.Empty() {
		return nil, took
	}
	return e.with(kept), took
}

// taken returns the fields of an entry that become ours alone. A field that we give up is among
// them, since it would stay with whoever updated it.
func (s *settlement) taken(e entry, live map[string]any) *fieldpath.Set {
	if !e.mainResource() {
		return fieldpath.NewSet()
	}
	wanted := s.wanted
	if !s.choice.takes(e.holder) {
		wanted = where(differing(wanted, s.config, live), identity)
	}
	held := e.fields()
	taken := held.Intersection(wanted.Union(s.given))
	for path := range wanted.All() {
		if empty := emptyAbove(path, held, live); empty != nil {
			taken.Insert(empty.Copy())
		}
	}
	return taken
}

// isContainer reports whether a path has no value of its own but only holds others. It is false
// for the status, which isn't ours.
func isContainer(path fieldpath.Path, live map[string]any) bool {
	if within(path, pathStatus) || isItem(path[len(path)-1]) {
		return false
	}
	if path.Equals(pathOwners) || path.Equals(pathFinalizers) {
		return true
	}
	inside, _ := lookup(live, path).(map[string]any)
	return len(inside) > 0
}

// with is the entry with another set, in the served version.
func (e entry) with(set *fieldpath.Set) map[string]any {
	out := maps.Clone(e.content)
	out["apiVersion"] = apiVersion
	out["fieldsV1"] = fieldsV1{set}
	return out
}

// patch returns the JSON patch for the take-over, nil if none is needed. Its operation is add
// since managedFields may be missing; add also replaces them.
func (s *settlement) patch(resourceVersion string) ([]byte, error) {
	if s.entries == nil {
		return nil, nil
	}
	return json.Marshal([]any{
		map[string]any{"op": "add", "path": "/metadata/managedFields", "value": s.entries},
		map[string]any{"op": "replace", "path": "/metadata/resourceVersion", "value": resourceVersion},
	})
}
