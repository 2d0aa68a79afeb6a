package ownership

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/certificate"
)

// Settled reports whether all fields that a Certificate of ours has of the main resource are ours,
// as they are asked for, without a look at each: what is cached of it suffices. fields is how many
// there are. It is the common case, which is why an audit asks this first.
func Settled(seen certificate.Observed, want certificate.Digest) (fields int, settled bool) {
	const others = certificate.ShimEntries | certificate.OthersHold | certificate.UnservedEntries | certificate.Untracked | certificate.MoreThere
	settled = seen.Flags.Has(certificate.Applied) && seen.Flags&others == 0 && seen.Have == want && seen.Respected == ""
	return int(want.Leaves), settled
}

// OfSettled is what [Of] reports of a Certificate that [Settled] found settled, at a small part of
// its cost: what is asked for is what is there. ok is false for one that it can't be said of.
func OfSettled(live map[string]any) (out Report, ok bool) {
	metadata, _ := live["metadata"].(map[string]any)
	spec, _ := live["spec"].(map[string]any)
	out = identified(live)
	out.Ours = true
	own, ok := out.addEntries(metadata["managedFields"])
	if !ok || metadata["finalizers"] != nil {
		return Report{}, false
	}
	s := settled{should: Should{Manager: certificate.FieldManager, By: BySource}, holders: []Holder{out.Entries[own].Holder}}
	s.fields = make([]Field, 0, leaves(metadata["annotations"])+leaves(metadata["labels"])+leaves(metadata["ownerReferences"])+leaves(spec))
	s.walk(".metadata.annotations", metadata["annotations"])
	s.walk(".metadata.labels", metadata["labels"])
	s.owners(metadata["ownerReferences"])
	s.walk(".spec", spec)
	out.Fields = s.fields
	out.Entries[own].Fields, out.Entries[own].Alone = len(s.fields), len(s.fields)
	return out, !s.odd
}

// addEntries adds the entries of managedFields, and gives the place of ours. The others may hold
// fields of the status alone.
func (r *Report) addEntries(managedFields any) (own int, ok bool) {
	own = -1
	items, _ := managedFields.([]any)
	for _, item := range items {
		content, _ := item.(map[string]any)
		e := Entry{Holder: Holder{
			Manager: text(content, "manager"), Operation: text(content, "operation"), Subresource: text(content, "subresource"),
			APIVersion: text(content, "apiVersion"), Changed: changedAt(text(content, "time")), Class: ClassOf(text(content, "manager")),
		}}
		if e.Manager == certificate.FieldManager && e.Operation == "Apply" && e.Subresource == "" {
			own = len(r.Entries)
		} else if e.Status, ok = statusFields(content["fieldsV1"]); !ok {
			return own, false
		}
		r.Entries = append(r.Entries, e)
	}
	return own, own >= 0
}

// statusFields is how many fields a fieldsV1 has that holds none but those of the status.
func statusFields(fieldsV1 any) (n int, ok bool) {
	root, isMap := fieldsV1.(map[string]any)
	if _, hasStatus := root["f:status"]; !isMap || len(root) > 1 || len(root) == 1 && !hasStatus {
		return 0, false
	}
	return members(root)
}

// members is how many members a set has. ok is false where an element isn't of a kind that
// Certificates have.
func members(set map[string]any) (n int, ok bool) {
	for element, below := range set {
		inner, isMap := below.(map[string]any)
		isField := strings.HasPrefix(element, "f:")
		switch {
		case !isMap || !isField && element != "." && !isCondition(element):
			return 0, false
		case len(inner) == 0:
			n++
			continue
		}
		below, ok := members(inner)
		if !ok {
			return 0, false
		}
		n += below
	}
	return n, true
}

// isCondition reports whether an element is that of a condition, as the API server writes it.
func isCondition(element string) bool {
	name, isItem := strings.CutPrefix(element, `k:{"type":"`)
	name, isWhole := strings.CutSuffix(name, `"}`)
	isLetter := func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }
	return isItem && isWhole && strings.TrimFunc(name, isLetter) == ""
}

// settled gathers the fields of a settled Certificate in the order of their paths.
type settled struct {
	should  Should
	holders []Holder
	fields  []Field
	// odd is set if there is a value that none of ours can be.
	odd bool
}

// leaves is how many fields there are in a value, at most.
func leaves(value any) (n int) {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			if inner, isMap := member.(map[string]any); isMap {
				n += leaves(inner)
				continue
			}
			n++
		}
	case []any:
		n = len(v)
	}
	return n
}

func (s *settled) walk(path string, value any) {
	members, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		path := path + "." + name
		if inner, isMap := members[name].(map[string]any); isMap {
			s.odd = s.odd || len(inner) == 0
			s.walk(path, inner)
			continue
		}
		s.add(path, members[name])
	}
}

func (s *settled) owners(value any) {
	items, _ := value.([]any)
	owners := make([]map[string]any, len(items))
	for i, item := range items {
		owners[i], _ = item.(map[string]any)
	}
	byUID := func(a, b map[string]any) int { return cmp.Compare(text(a, "uid"), text(b, "uid")) }
	slices.SortFunc(owners, byUID)
	for i, owner := range owners {
		s.odd = s.odd || text(owner, "uid") == "" || i > 0 && byUID(owners[i-1], owner) == 0
		s.add(ownerPath(text(owner, "uid")), owner)
	}
}

func (s *settled) add(path string, live any) {
	s.odd = s.odd || live == nil
	live = shown(path, live)
	s.fields = append(s.fields, Field{Path: path, Live: live, Wanted: live, Holders: s.holders, Should: s.should, Verdict: Ours})
}

func ownerPath(uid string) string {
	return fieldpath.MakePathOrDie("metadata", "ownerReferences", fieldpath.KeyByFields("uid", uid)).String()
}
