package certificate

import (
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/problem"
)

// Restored reports whether a Certificate looks as a backup leaves it that was restored: certshim's own
// entry names an owner, and there is none.
func Restored(seen Observed) bool {
	return seen.Flags.Has(Disowned) && seen.Owner == (Owner{}) && seen.Tie == ""
}

// restore gives a Certificate back its owner, that was restored from a backup together with its source.
// The source has another uid now, and the owner reference was left out, but our entry still names the
// old one, by which is known that certshim made it. It does so only where nothing is in doubt.
func restore(d *decider) bool {
	if !Restored(d.seen) || d.in.isForeign() {
		return false
	}
	if d.missing = d.doubtOfAsk(); !d.missing.IsZero() {
		return false
	}
	if d.seen.Live == nil {
		d.out.NeedsLive = true
		return d.decide(Wait, CauseLiveNeeded)
	}
	buildConfig(d)
	if d.missing = d.doubtOfOrigin(); !d.missing.IsZero() {
		return false
	}
	return d.own(CauseRestored)
}

// doubtOfOrigin says what speaks against it in the live Certificate.
func (d *decider) doubtOfOrigin() Reason {
	own := ownEntry(managedFields(d.seen.Live)).fields()
	origins := where(own, func(path fieldpath.Path) bool { return within(path, pathOwners) && lookup(d.seen.Live, path) == nil })
	if origins.Size() != 1 {
		return Because(CauseOrigins, strconv.Itoa(origins.Size()))
	}
	uid := uidIn(origins)
	if d.in.IsGone == nil || !d.in.IsGone(uid) {
		return Because(CauseOriginThere, problem.Name(uid))
	}
	config := withoutOwner(d.config)
	wanted, held := leaves(config), own.Difference(origins)
	unlike := differing(wanted, config, d.seen.Live).Union(held.Difference(wanted)).Union(wanted.Difference(held))
	if !unlike.Empty() {
		return Because(CauseOriginNotAsAsked, firstOf(texts(unlike)))
	}
	return Reason{}
}

// uidIn is that of the one owner reference in a set.
func uidIn(owners *fieldpath.Set) string {
	for path := range owners.All() {
		if key := path[len(path)-1].Key; key != nil {
			for _, field := range *key {
				if uid, isText := field.Value.Unstructured().(string); isText && field.Name == "uid" {
					return uid
				}
			}
		}
	}
	return ""
}

// withoutOwner is a configuration without what names its source.
func withoutOwner(config map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(config)
	remove(out, pathOwners)
	remove(out, pathTie)
	return out
}
