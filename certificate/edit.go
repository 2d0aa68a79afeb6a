package certificate

import (
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Edit is what is known of an edit of the source since its Certificates were last as it asks.
type Edit uint8

const (
	// EditPossible means that the source may have been edited while nobody looked.
	EditPossible Edit = iota
	// EditNone means that it wasn't: what differs differs for another reason.
	EditNone
	// EditSeen means that it was.
	EditSeen
)

// isPaced says whether what differs waits for its turn. What differed before this process looked
// does, as nobody knows why, and so does another spelling of names; an edit of the source ends the
// wait, unless no turn ever comes. So does a new certificate that neither the source nor anybody who
// changed the Certificate caused.
func (d *decider) isPaced(s settlement, respells bool) bool {
	if !s.differs || s.astray && d.in.Policy.Adoption != nil && d.seen.Flags.Has(Applied) {
		return false
	}
	if respells || s.shimHeld || s.contested && !d.sawItChange() {
		return d.in.Edit != EditSeen || d.in.Policy.HoldPaced
	}
	return d.isUnprompted() && reissue(s, d.seen.Live) != ReissueNo
}

// tieFirst applies what ties a Certificate of ours to its source and its Secret, and nothing else: that doesn't wait
// for the turn of all that differs, which is decided about once more when it is written.
func (d *decider) tieFirst(all settlement) bool {
	config := ownAsItIs(d.seen)
	for _, path := range []fieldpath.Path{pathSecretName, pathOwners, pathTie} {
		if value := lookup(d.config, path); value != nil {
			put(config, path, runtime.DeepCopyJSONValue(value))
		}
	}
	s := settle(config, d.seen.Live, d.disturbance(), d.out.Choice)
	d.out.Continues = true
	if d.in.Policy.HoldPaced {
		all = s
	}
	d.foresee(all)
	return d.applyOf(s)
}

// isUnprompted reports whether a difference comes from what isn't the author's: the operator's
// configuration, an issuer or what is said of it, a route that went, another version of certshim.
func (d *decider) isUnprompted() bool {
	return d.in.Edit == EditNone && d.in.Policy.Adoption == nil && !d.seen.Flags.Has(Disturbed)
}

// mayBeLate reports whether a new certificate may come from a source that has changed meanwhile. The watches of
// a process may be seconds apart, and one that has just begun to lead may be behind in all of them: a Certificate that this
// process hasn't written as it is may be what a newer source wanted, and one that isn't there, of a source that had all it
// wanted before, may be what a newer one doesn't want any more.
func (d *decider) mayBeLate() bool {
	if d.in.Existing == nil {
		return d.in.MayHaveBeenFulfilled
	}
	return d.out.Reissue != ReissueNo && (!d.seen.Flags.Has(TakenOver) || d.seen.Flags.Has(Disturbed))
}
