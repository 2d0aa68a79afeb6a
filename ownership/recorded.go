package ownership

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// unowned are fields that nobody ever owns.
var unowned = fieldpath.NewSet(
	fieldpath.MakePathOrDie("apiVersion"), fieldpath.MakePathOrDie("kind"), fieldpath.MakePathOrDie("metadata"),
	fieldpath.MakePathOrDie("metadata", "name"), fieldpath.MakePathOrDie("metadata", "namespace"),
	fieldpath.MakePathOrDie("metadata", "creationTimestamp"), fieldpath.MakePathOrDie("metadata", "selfLink"),
	fieldpath.MakePathOrDie("metadata", "uid"), fieldpath.MakePathOrDie("metadata", "clusterName"),
	fieldpath.MakePathOrDie("metadata", "generation"), fieldpath.MakePathOrDie("metadata", "managedFields"),
	fieldpath.MakePathOrDie("metadata", "resourceVersion"),
)

// strip takes from an entry what nobody owns.
func strip(sets fieldpath.ManagedFields, id string) {
	entry, found := sets[id]
	if !found {
		return
	}
	set := entry.Set().Difference(unowned)
	if set.Empty() {
		delete(sets, id)
		return
	}
	sets[id] = fieldpath.NewVersionedSet(set, entry.APIVersion(), entry.Applied())
}

// beforeFirstApply is the entry that the API server makes where nothing is recorded.
func beforeFirstApply(live *typed.TypedValue) (recorded, error) {
	empty, err := certificateType().FromUnstructured(map[string]any{})
	if err != nil {
		return nil, err
	}
	id := identity{Manager: "before-first-apply", Operation: "Update", APIVersion: apiVersion}
	_, sets, err := updater().Update(empty, live, apiVersion, fieldpath.ManagedFields{}, id.String())
	if err != nil {
		return nil, fmt.Errorf("what is there can't be recorded: %w", err)
	}
	strip(sets, id.String())
	out := recorded{}
	for id, set := range sets {
		out[id] = record{set: set}
	}
	return out, nil
}

// identity is what makes an entry of managedFields one of its own.
type identity struct {
	Manager     string `json:"manager"`
	Operation   string `json:"operation"`
	APIVersion  string `json:"apiVersion,omitempty"`
	Subresource string `json:"subresource,omitempty"`
}

// String packs the identity into a key.
func (i identity) String() string {
	text, _ := json.Marshal(i) // it has only strings
	return string(text)
}

func identityOf(key string) (i identity) {
	_ = json.Unmarshal([]byte(key), &i) // it was made by String
	return i
}

// recorded are entries of managedFields by identity.
type recorded map[string]record

type record struct {
	set     fieldpath.VersionedSet
	content map[string]any
}

// sets are the entries' fields.
func (r recorded) sets() fieldpath.ManagedFields {
	sets := fieldpath.ManagedFields{}
	for id, entry := range r {
		sets[id] = entry.set
	}
	return sets
}

// decodeEntries reads managedFields as strictly as the API server does. Of two entries with one
// identity the last counts.
func decodeEntries(live map[string]any) (recorded, error) {
	out := recorded{}
	metadata, _ := live["metadata"].(map[string]any)
	items, _ := metadata["managedFields"].([]any)
	for i, item := range items {
		content, isMap := item.(map[string]any)
		if !isMap {
			return nil, fmt.Errorf("metadata.managedFields[%d] must be an object", i)
		}
		id, version := identity{
			Manager: text(content, "manager"), Operation: text(content, "operation"), Subresource: text(content, "subresource"),
		}, text(content, "apiVersion")
		if err := wellFormed(id, version, text(content, "fieldsType")); err != nil {
			return nil, fmt.Errorf("metadata.managedFields[%d].%w", i, err)
		}
		if id.Operation == "Update" {
			id.APIVersion = version
		}
		set, err := readSet(content["fieldsV1"])
		if err != nil {
			return nil, fmt.Errorf("metadata.managedFields[%d].fieldsV1 can't be read: %w", i, err)
		}
		out[id.String()] = record{content: content, set: fieldpath.NewVersionedSet(set, fieldpath.APIVersion(version), id.Operation == "Apply")}
	}
	return out, nil
}

func wellFormed(id identity, version, fieldsType string) error {
	switch {
	case id.Operation != "Apply" && id.Operation != "Update":
		return fmt.Errorf("operation must be Apply or Update, not %q", id.Operation)
	case version == "":
		return errors.New("apiVersion must not be empty")
	case fieldsType != "FieldsV1":
		return fmt.Errorf("fieldsType must be FieldsV1, not %q", fieldsType)
	}
	return nil
}

func readSet(fields any) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if fields == nil {
		return set, nil
	}
	content, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return set, set.FromJSON(bytes.NewReader(content))
}

// after are the entries after an apply. One that has changed has no time.
func (r recorded) after(sets fieldpath.ManagedFields) []any {
	entries := []any{}
	for _, key := range slices.Sorted(maps.Keys(sets)) {
		set, id := sets[key], identityOf(key)
		if before, found := r[key]; found && before.content != nil && before.set.Set().Equals(set.Set()) && before.set.APIVersion() == set.APIVersion() {
			entries = append(entries, runtime.DeepCopyJSONValue(before.content))
			continue
		}
		entry := map[string]any{
			"manager": id.Manager, "operation": id.Operation, "apiVersion": string(set.APIVersion()),
			"fieldsType": "FieldsV1", "fieldsV1": fieldsOfSet(set.Set()),
		}
		if id.Subresource != "" {
			entry["subresource"] = id.Subresource
		}
		entries = append(entries, entry)
	}
	return entries
}

func fieldsOfSet(set *fieldpath.Set) map[string]any {
	var fields map[string]any
	content, err := set.ToJSON()
	if err != nil || json.Unmarshal(content, &fields) != nil {
		return map[string]any{}
	}
	return fields
}

// sameEntries reports whether two objects have the same managedFields, but for order and times.
func sameEntries(a, b map[string]any) bool {
	before, errA := decodeEntries(a)
	after, errB := decodeEntries(b)
	return errA == nil && errB == nil && maps.EqualFunc(before, after, func(x, y record) bool {
		return x.set.APIVersion() == y.set.APIVersion() && x.set.Set().Equals(y.set.Set())
	})
}

func text(fields map[string]any, name string) string {
	value, _ := fields[name].(string)
	return value
}
