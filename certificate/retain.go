package certificate

import (
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/source"
)

// Referred reports whether a Certificate has an owner reference to the source, so that the garbage
// collector deletes it with the source.
func Referred(object *source.Object, seen Observed) bool {
	return Owns(object, seen) && !seen.Flags.Has(Tied)
}

// saysRetained reports whether the Certificate itself is to say that it outlives its source: it was
// adopted, and the source says nothing; or it is in another namespace and the source says it, which nobody
// can know of a source that is gone.
func (in *Input) saysRetained() bool {
	said := in.isForeign() && in.Request.DeletionPolicy == annotations.RetainUnneeded
	return in.Retain && (said || in.keepRetained || in.Existing != nil && current(*in.Existing).Flags.Has(Retained))
}

// Retain decides about a Certificate with an owner reference to a source that it is to outlive: the
// reference goes, and the tie takes its place. Nothing else changes, whatever there is to say about
// the source, so that this is done at once: the source may be deleted any moment.
func Retain(object *source.Object, seen Observed) Decision {
	seen = current(seen)
	d := decider{seen: seen, out: decided(seen)}
	d.out.Have, d.out.Version = seen.Have, seen.ResourceVersion
	switch {
	case seen.Flags.Has(Deleting):
		beingDeleted(&d)
	case seen.Live == nil:
		d.out.NeedsLive = true
		d.decide(Wait, CauseLiveNeeded)
	default:
		d.retain(object)
	}
	return d.out
}

func (d *decider) retain(object *source.Object) {
	s := settle(asRetained(object, d.seen), d.seen.Live, disturbance{}, Choice{})
	d.out.Config, d.out.Want = s.config, Want(s.config)
	d.out.Guard = Guard{UID: d.seen.UID, ResourceVersion: d.seen.ResourceVersion}
	patch, err := s.patch(d.seen.ResourceVersion)
	if err != nil {
		d.out.Config = nil
		d.decide(Keep, CauseUnwritable, err.Error())
		return
	}
	d.out.TakeOver, d.out.Continues = patch, true
	d.decide(Apply, CauseRetained)
}

// asRetained is all that our entry holds, as it is, with the tie in the place of the owner
// reference.
func asRetained(object *source.Object, seen Observed) map[string]any {
	config := ownAsItIs(seen)
	tie := tieTo(object, seen.FullName())
	tie.Source.UID = seen.Owner.UID
	put(config, pathTie, tie.String())
	return config
}

// ownAsItIs is all that our entry holds, as it is, but for what ties the Certificate to its source.
func ownAsItIs(seen Observed) map[string]any {
	config := map[string]any{
		"apiVersion": apiVersion, "kind": "Certificate",
		"metadata": map[string]any{"namespace": seen.Namespace, "name": seen.Name},
	}
	for path := range ownEntry(managedFields(seen.Live)).fields().All() {
		held := lookup(seen.Live, path)
		if held != nil && !within(path, pathOwners) && !path.Equals(pathTie) && !isContainer(path, seen.Live) {
			put(config, path, runtime.DeepCopyJSONValue(held))
		}
	}
	return config
}

// replaced are the owner references in whose place the tie or owner of a configuration is: that to
// the same object, and that of another controller, since there may be one only. They go, whoever
// holds them.
func replaced(config, live map[string]any) *fieldpath.Set {
	set := fieldpath.NewSet()
	text, _ := lookup(config, pathTie).(string)
	tie, err := ParseTie(text)
	isTied := err == nil && tie.Source.UID != ""
	owners, _ := lookup(config, pathOwners).([]any)
	eachItem(lookup(live, pathOwners), func(item any) {
		reference, _ := item.(map[string]any)
		tied := isTied && (uidOf(item) == tie.Source.UID || reference["controller"] == true)
		other := len(owners) > 0 && reference["controller"] == true && uidOf(item) != uidOf(owners[0])
		if tied || other {
			set.Insert(ownerPath(item))
		}
	})
	return set
}
