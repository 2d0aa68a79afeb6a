package certificate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// released is the field manager of the entry that is left where there would be none. Without any, the
// API server would take whatever there is for somebody's wish at the next apply.
const released = "released"

// Release is what giving up a Certificate comes to.
type Release struct {
	// Patch is a JSON patch of managedFields and metadata, guarded by the resourceVersion; nil where
	// there is nothing to give up.
	Patch []byte
	// To is the field manager that gets the fields; empty for nobody.
	To string
	// Removes are the fields of metadata that go: what certshim alone reads, and the owner reference.
	Removes []string
	// Refused says why it can't be given up, if it can't.
	Refused Reason
}

// GiveBack gives a Certificate of the source back to the shim of cert-manager's that would have made
// it: its fields are then the shim's, as if that had updated them, and no value of the spec changes.
func GiveBack(kind source.Kind, object *source.Object, seen Observed) Release {
	shim := kind.Shim()
	switch {
	case shim == "":
		return Release{Refused: Because(CauseNoShim, problem.Name(object.Kind))}
	case seen.Flags.Has(Tied):
		return Release{Refused: Because(CauseNoReference)}
	}
	return release(object, seen, shim)
}

// Free gives a Certificate of the source up for good: it has no owner after that, and nobody is recorded
// for its fields, so that whoever writes it next becomes their owner.
func Free(object *source.Object, seen Observed) Release { return release(object, seen, "") }

// release gives the fields to a field manager, or to nobody.
func release(object *source.Object, seen Observed, to string) Release {
	switch seen = current(seen); {
	case seen.Flags.Has(Deleting):
		return Release{Refused: Because(CauseDeleting)}
	case !Owns(object, seen):
		why, _ := otherOwner(object, seen)
		return Release{Refused: why}
	case to != "" && !seen.Flags.Has(Applied):
		return Release{}
	}
	r := releaser{live: seen.Live, gone: fieldpath.NewSet()}
	r.dropOwn()
	if to == "" {
		r.dropOwner(object)
	}
	r.giveUp(to)
	patch, err := r.patch(seen.ResourceVersion)
	if err != nil {
		return Release{Refused: Because(CauseUnwritable, err.Error())}
	}
	slices.Sort(r.removes)
	return Release{Patch: patch, To: to, Removes: r.removes}
}

// releaser makes the patch that gives up a Certificate.
type releaser struct {
	live map[string]any
	// gone are the fields that the patch removes, and removes their names.
	gone    *fieldpath.Set
	removes []string
	// steps are the operations that remove them, and entries the managedFields after that.
	steps   []any
	entries []any
}

// dropOwn removes the annotations and labels that certshim alone reads.
func (r *releaser) dropOwn() {
	for _, part := range []string{"annotations", "labels"} {
		set, _ := lookup(r.live, fieldpath.MakePathOrDie("metadata", part)).(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(set)) {
			if strings.HasPrefix(key, annotations.OwnPrefix) {
				r.drop(fieldpath.MakePathOrDie("metadata", part, key), "/metadata/"+part+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
			}
		}
	}
}

// dropOwner removes the owner references to the source.
func (r *releaser) dropOwner(object *source.Object) {
	references, _ := lookup(r.live, pathOwners).([]any)
	for i, item := range slices.Backward(references) {
		if uidOf(item) == object.UID {
			r.drop(ownerPath(item), fmt.Sprintf("/metadata/ownerReferences/%d", i))
		}
	}
}

func (r *releaser) drop(path fieldpath.Path, pointer string) {
	r.gone.Insert(path)
	r.removes = append(r.removes, path.String())
	r.steps = append(r.steps, map[string]any{"op": "remove", "path": pointer})
}

// giveUp takes our entries out, and adds what they hold to the entry of another field manager.
func (r *releaser) giveUp(to string) {
	given, time := fieldpath.NewSet(), ""
	var rest []entry
	for _, e := range managedFields(r.live) {
		if e.mainResource() && e.manager == FieldManager {
			given, time = given.Union(e.fields()), max(time, e.time)
			continue
		}
		rest = append(rest, e)
	}
	given = given.Difference(r.gone)
	for _, e := range rest {
		if to != "" && e.mainResource() && e.manager == to && e.operation == byUpdate {
			given, time = given.Union(e.fields().Difference(r.gone)), max(time, e.time)
			continue
		}
		if left := e.fields().Difference(r.gone); !left.Empty() {
			r.entries = append(r.entries, e.with(left))
		}
	}
	switch {
	case to != "":
		r.entries = append([]any{updateEntry(to, time, given)}, r.entries...)
	case len(r.entries) == 0:
		r.entries = []any{updateEntry(released, time, fieldpath.NewSet(fieldpath.MakePathOrDie("metadata", "name")))}
	}
}

func updateEntry(manager, time string, fields *fieldpath.Set) any {
	e := map[string]any{
		"manager": manager, "operation": string(byUpdate), "apiVersion": apiVersion,
		"fieldsType": "FieldsV1", "fieldsV1": fieldsV1{fields},
	}
	if time != "" {
		e["time"] = time
	}
	return e
}

func (r *releaser) patch(resourceVersion string) ([]byte, error) {
	return json.Marshal(append(r.steps,
		map[string]any{"op": "add", "path": "/metadata/managedFields", "value": r.entries},
		map[string]any{"op": "replace", "path": "/metadata/resourceVersion", "value": resourceVersion},
	))
}
