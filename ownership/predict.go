package ownership

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/certshim/certshim/certificate"
)

// Prediction is what becomes of an object by an apply.
type Prediction struct {
	// Conflicts are why the API server refuses an apply that isn't forced, sorted. Then Object is
	// as before.
	Conflicts []certificate.Conflict
	// Object is the Certificate afterwards, with its managedFields, in which changed entries have
	// no time, and with the resourceVersion and generation from before.
	Object map[string]any
	// Writes is set if values or managedFields change.
	Writes bool
}

// apiVersion is that of the Certificates that are read and written.
const apiVersion = "cert-manager.io/v1"

// Predict computes what the API server makes of an apply of a configuration by a field manager:
// conflicts, values and managedFields. It goes by the granularity of cert-manager's CRD: each
// key of a map has owners of its own, each list of the spec has them as a whole. An error is what
// makes the API server fail: an entry of a version that is no longer served, entries that can't be
// read, or a configuration that isn't one of a Certificate. Neither object is changed.
func Predict(live, config map[string]any, manager string, force bool) (Prediction, error) {
	entries, err := decodeEntries(live)
	if err != nil {
		return Prediction{}, err
	}
	before, err := certificateType().FromUnstructured(without(live, "managedFields"), typed.AllowDuplicates)
	if err != nil {
		return Prediction{}, fmt.Errorf("the Certificate isn't as its CRD has it: %w", err)
	}
	applied, err := certificateType().FromUnstructured(applicable(config))
	if err != nil {
		return Prediction{}, fmt.Errorf("the configuration isn't one of a Certificate: %w", err)
	}
	if len(entries) == 0 {
		if entries, err = beforeFirstApply(before); err != nil {
			return Prediction{}, err
		}
	}
	id := identity{Manager: manager, Operation: "Apply"}
	after, sets, err := updater().Apply(before, applied, apiVersion, entries.sets(), id.String(), force)
	if conflicts := (merge.Conflicts)(nil); errors.As(err, &conflicts) {
		return Prediction{Conflicts: conflictsOf(conflicts), Object: runtime.DeepCopyJSON(live)}, nil
	}
	if err != nil {
		return Prediction{}, fmt.Errorf("the API server can't apply it: %w", err)
	}
	strip(sets, id.String())
	return predicted(live, after, entries.after(sets))
}

// predicted is the object after an apply; after is nil if no value changed.
func predicted(live map[string]any, after *typed.TypedValue, entries []any) (Prediction, error) {
	p := Prediction{Object: runtime.DeepCopyJSON(live)}
	if after != nil {
		object, isMap := after.AsValue().Unstructured().(map[string]any)
		if !isMap {
			return Prediction{}, errors.New("an apply would leave no object")
		}
		p.Object = runtime.DeepCopyJSON(object)
	}
	metadata, _ := p.Object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		p.Object["metadata"] = metadata
	}
	// The API server doesn't store these if they are empty.
	maps.DeleteFunc(metadata, func(_ string, value any) bool { return isEmpty(value) })
	metadata["managedFields"] = entries
	p.Writes = after != nil || !sameEntries(live, p.Object)
	return p, nil
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// Next predicts what certshim makes of a Certificate of its own: by the patch of managedFields
// that takes fields over, where one is needed, and the apply that follows. Where nothing may change,
// it writes nothing.
func Next(live, asked map[string]any, choice certificate.Choice) (Prediction, error) {
	s := certificate.Settle(asked, live, choice)
	if s.Fails() {
		return Prediction{Object: runtime.DeepCopyJSON(live)}, nil
	}
	start := runtime.DeepCopyJSON(live)
	if entries := s.ManagedFields(); entries != nil {
		decoded, err := decoded(entries)
		if err != nil {
			return Prediction{}, err
		}
		metadata, _ := start["metadata"].(map[string]any)
		metadata["managedFields"] = decoded
	}
	p, err := Predict(start, s.Config(), certificate.FieldManager, s.Force())
	if err != nil {
		return Prediction{}, err
	}
	p.Writes = p.Writes || s.ManagedFields() != nil
	return p, nil
}

func decoded(entries []any) (out []any, err error) {
	text, err := json.Marshal(entries)
	if err != nil {
		return nil, fmt.Errorf("managedFields can't be written as JSON: %w", err)
	}
	return out, json.Unmarshal(text, &out)
}

func updater() *merge.Updater {
	builder := merge.UpdaterBuilder{
		Converter:    served{},
		IgnoreFilter: map[fieldpath.APIVersion]fieldpath.Filter{apiVersion: fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie("status")))},
	}
	return builder.BuildUpdater()
}

// served converts between the served versions of Certificates, of which there is one.
type served struct{}

// Convert implements [merge.Converter].
func (served) Convert(object *typed.TypedValue, version fieldpath.APIVersion) (*typed.TypedValue, error) {
	if version != apiVersion {
		return nil, fmt.Errorf("an entry of managedFields is of version %q, which isn't served", version)
	}
	return object, nil
}

// IsMissingVersionError implements [merge.Converter].
func (served) IsMissingVersionError(error) bool { return false }

// without is an object without a member of its metadata.
func without(object map[string]any, member string) map[string]any {
	out := maps.Clone(object)
	if metadata, isMap := object["metadata"].(map[string]any); isMap {
		metadata = maps.Clone(metadata)
		delete(metadata, member)
		out["metadata"] = metadata
	}
	return out
}

// applicable is a configuration without what an apply through the main resource ignores.
func applicable(config map[string]any) map[string]any {
	out := maps.Clone(config)
	delete(out, "status")
	for _, member := range []string{"uid", "resourceVersion", "generation", "creationTimestamp"} {
		out = without(out, member)
	}
	return out
}

func conflictsOf(conflicts merge.Conflicts) []certificate.Conflict {
	var out []certificate.Conflict
	for _, c := range conflicts {
		id := identityOf(c.Manager)
		out = append(out, certificate.Conflict{Field: c.Path.String(), Manager: id.Manager, Operation: id.Operation})
	}
	slices.SortFunc(out, func(a, b certificate.Conflict) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation))
	})
	return out
}
