package certificate

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Entry is one entry of the managedFields of a live Certificate.
type Entry struct {
	Manager, Operation, Subresource, APIVersion string
	// Time is as it stands there, and may be missing.
	Time string
	// Fields are those that it owns, containers included. Paths into lists of the spec are cut to
	// the list.
	Fields *fieldpath.Set
	holder holder
}

// Entries returns the entries of managedFields, in their order. What can't be read of one, it
// doesn't own.
func Entries(live map[string]any) []Entry {
	var entries []Entry
	for _, e := range managedFields(live) {
		entries = append(entries, Entry{
			Manager: e.manager, Operation: string(e.operation), Subresource: e.subresource, APIVersion: e.version, Time: e.time,
			Fields: e.fields(), holder: e.holder,
		})
	}
	return entries
}

// Ours reports whether it is the entry that our applies write.
func (e Entry) Ours() bool { return e.holder.ours() }

// Replaced reports whether its fields are taken over wherever we ask for them: it is of one of
// cert-manager's shims, of an earlier update of ours, or of nobody who is known.
func (e Entry) Replaced() bool { return e.holder.takeable() }

// Keeps reports whether a field stays for its sake that we give up: somebody applies it.
func (e Entry) Keeps() bool {
	return e.holder.mainResource() && e.holder.operation == byApply && !e.Ours() && !e.Replaced()
}

// Unserved reports whether it names a version that isn't served any more, so that every apply
// fails.
func (e Entry) Unserved() bool { return e.holder.unservedVersion() }

// Rule is the number of the operator's rule, counted from 1, that decides about a field of an entry
// if its value isn't the wanted one; 0 if none does.
func (c Choice) Rule(e Entry, path fieldpath.Path) int {
	_, rule := c.about(e.holder, path)
	return rule
}

// IsShim reports whether a field manager is one of cert-manager's shims.
func IsShim(manager string) bool { return isShim(manager) }

// Leaves are the fields of a Certificate, or of a configuration, that have an owner each: in the
// sense of [Want], without finalizers.
func Leaves(object map[string]any) *fieldpath.Set { return leaves(object) }

// Lookup returns the value at a path of a decoded object, nil for none.
func Lookup(object map[string]any, path fieldpath.Path) any { return lookup(object, path) }

// Equal compares two values as the API server does.
func Equal(a, b any) bool { return equal(a, b) }

// IsContainer reports whether a path that an entry owns has no value of its own in an object,
// but only holds others that have.
func IsContainer(path fieldpath.Path, object map[string]any) bool { return isContainer(path, object) }
