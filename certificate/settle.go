package certificate

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/certshim/certshim/problem"
)

// settlement is what becomes of a configuration in the face of the managers that hold
// fields of the live Certificate.
type settlement struct {
	// config is the configuration without what is left to others.
	config map[string]any
	// wanted are its leaves, and owned what our Apply entry will hold.
	wanted map[fieldPath]any
	owned  fieldSet
	// yielded are the fields left to others.
	yielded  []Conflict
	problems problem.List
	// entries are the managedFields after the take-over, nil where none is needed.
	entries []any
	// shimHeld is true when fields that we want are taken from one of cert-manager's shims.
	shimHeld bool
	// differs is true when live values are others than the wanted ones.
	differs bool
}

// settle is the conflict policy. Fields that cert-manager's shims, an earlier update of
// ours or nobody known holds are taken over; those of anyone else with another value
// stay theirs; equal values are owned together. What makes a Certificate that of its
// source, its Secret's name and our owner reference, is never left to others.
func settle(config, live map[string]any) settlement {
	s := settlement{config: deepCopy(config).(map[string]any), wanted: leaves(config)}
	s.yieldTo(live)
	s.wanted = leaves(s.config)
	s.owned = fieldSet{}
	for path := range s.wanted {
		s.owned[path] = true
	}
	if own := ownEntry(managedFields(live)); own != nil {
		maps.Copy(s.owned, parseFields(own.fields()))
	}
	s.differs = s.differsFrom(live)
	s.takeOver(live)
	return s
}

// differsFrom says whether an apply would change a value or remove a field.
func (s *settlement) differsFrom(live map[string]any) bool {
	for path, value := range s.wanted {
		if there, found := lookup(live, path); !found || !equal(there, value) {
			return true
		}
	}
	return len(s.owned) != len(s.wanted)
}

// yieldTo takes out of the configuration what others hold with another value.
func (s *settlement) yieldTo(live map[string]any) {
	for _, e := range managedFields(live) {
		if e.taken() || e.ours() {
			continue
		}
		held := parseFields(e.fields())
		for _, path := range sortedPaths(s.wanted) {
			if identity(path) || !conflicts(path, s.wanted[path], held, live) {
				continue
			}
			s.yield(path, e, live)
		}
	}
	slices.SortFunc(s.yielded, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation))
	})
}

// identity is what makes a Certificate the one of its source.
func identity(path fieldPath) bool {
	return path == pathSecretName || path.within(pathOwners)
}

// conflicts says whether applying a value would be a conflict with the holder of a set.
func conflicts(path fieldPath, want any, held fieldSet, live map[string]any) bool {
	there, found := lookup(live, path)
	if found && equal(there, want) {
		return false
	}
	if held[path] {
		return true
	}
	for _, parent := range path.parents() {
		container, found := lookup(live, parent)
		inside, _ := container.(map[string]any)
		if held[parent] && (!found || len(inside) == 0) {
			return true
		}
	}
	return false
}

// yield leaves a field to its holder; of the issuer reference and the private key the
// whole as it stands, since the parts of two managers make one that nobody meant.
func (s *settlement) yield(path fieldPath, holder entry, live map[string]any) {
	there, _ := lookup(live, path)
	s.yielded = append(s.yielded, Conflict{
		Field: path.String(), Manager: holder.manager(), Operation: holder.text("operation"),
	})
	s.problems.Add(problem.Problem{
		Severity: problem.Warning, Path: strings.TrimPrefix(path.String(), "."), Value: shown(s.wanted[path]), Reason: problem.FieldConflict,
		Message: fmt.Sprintf("field manager %s of Certificate %s holds %s with the value %s, by %s; it stays theirs",
			problem.Quote(holder.manager()), problem.Name(nameOf(live)), path, problem.Quote(shown(there)), holder.operation()),
	})
	remove(s.config, whole(path))
	s.freeze(whole(path), live)
}

// freeze keeps what our entry holds of a whole at its live values: a part left out of an
// apply is removed, and the rest would mean another issuer or key.
func (s *settlement) freeze(whole fieldPath, live map[string]any) {
	own := ownEntry(managedFields(live))
	for path := range parseFields(own.fields()) {
		value, found := lookup(live, path)
		if path != whole && path.within(whole) && found {
			set(s.config, path, deepCopy(value))
		}
	}
}

// whole is the path that is yielded together with path.
func whole(path fieldPath) fieldPath {
	for _, unit := range []fieldPath{pathSpec.child("f:issuerRef"), pathSpec.child("f:privateKey")} {
		if path.within(unit) {
			return unit
		}
	}
	return path
}

func nameOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	return text(metadata, "name")
}

func shown(value any) string {
	if list, ok := value.([]any); ok {
		parts := make([]string, len(list))
		for i, item := range list {
			parts[i] = fmt.Sprint(item)
		}
		return strings.Join(parts, ",")
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// leaves are the leaves of a configuration by path, as [Want] counts them.
func leaves(config map[string]any) map[fieldPath]any {
	out := map[fieldPath]any{}
	metadata, _ := config["metadata"].(map[string]any)
	for _, name := range []string{"labels", "annotations"} {
		values, _ := metadata[name].(map[string]any)
		collect(out, fieldPath("f:metadata").child("f:"+name), values)
	}
	eachItem(metadata["ownerReferences"], func(item any) { out[pathOwners.child(ownerElement(uidOf(item)))] = item })
	spec, _ := config["spec"].(map[string]any)
	collect(out, pathSpec, spec)
	return out
}

func collect(out map[fieldPath]any, at fieldPath, values map[string]any) {
	for name, value := range values {
		path := at.child("f:" + name)
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			collect(out, path, inner)
			continue
		}
		out[path] = value
	}
}

func sortedPaths[V any](set map[fieldPath]V) []fieldPath {
	return slices.Sorted(maps.Keys(set))
}

// equal compares values as the API server does: numbers by value, lists in order.
func equal(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) }

// plain gives equal numbers one type.
func plain(value any) any {
	switch v := value.(type) {
	case int:
		return int64(v)
	case float64:
		if whole := int64(v); float64(whole) == v {
			return whole
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name := range v {
			out[name] = plain(v[name])
		}
		return out
	}
	return value
}

func deepCopy(value any) any { return plain(value) }
