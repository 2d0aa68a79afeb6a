package certificate

import (
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// reclaim takes over a Certificate that has no controller owner and is tied to the source, such as
// one that was applied from the output of plan before there was the source. It does so only where
// nothing is in doubt, so that no value changes and nothing is taken from anybody; else it leaves
// the Certificate to [notOurs], with what is missing.
func reclaim(d *decider) bool {
	if !isTied(d.seen) || Owns(d.in.Source, d.seen) {
		return false
	}
	if d.missing = d.doubt(); !d.missing.IsZero() {
		return false
	}
	if d.seen.Live == nil {
		d.out.NeedsLive = true
		return d.decide(Wait, CauseLiveNeeded)
	}
	buildConfig(d)
	if d.missing = d.doubtOfLive(); !d.missing.IsZero() {
		return false
	}
	return d.own(CauseReclaimed)
}

// own makes a Certificate the source's that is as the source asks for: no value changes.
func (d *decider) own(cause Cause) bool {
	d.warnViolations()
	d.out.Config, d.out.Want, d.out.Reissue = d.config, Want(d.config), ReissueNo
	d.out.Guard = Guard{UID: d.seen.UID, ResourceVersion: d.seen.ResourceVersion}
	return d.decide(Apply, cause)
}

// isTied reports whether a Certificate has a tie to any object, and no controller owner reference.
func isTied(seen Observed) bool {
	return seen.Tie != "" && (seen.Owner == Owner{} || seen.Flags.Has(Tied))
}

// Claimable reports whether a Certificate that isn't the source's may become so by its tie.
func Claimable(object *source.Object, seen Observed) bool {
	return isTied(seen) && !Owns(object, seen) && tieDoubt(object, seen).IsZero()
}

// doubt says what speaks against taking over a tied Certificate, as far as that is known without
// its fields.
func (d *decider) doubt() Reason { return firstReason(tieDoubt(d.in.Source, d.seen), d.doubtOfAsk()) }

// doubtOfAsk says what speaks against giving the source a Certificate in what is asked for, by it and
// by others.
func (d *decider) doubtOfAsk() Reason {
	return firstReason(d.doubtOfEntries(), d.doubtOfOthers(d.in.Other))
}

// firstReason is the first that isn't none.
func firstReason(all ...Reason) Reason {
	for _, why := range all {
		if !why.IsZero() {
			return why
		}
	}
	return Reason{}
}

// doubtOfEntries says what speaks against it in the entries and annotations of the source.
func (d *decider) doubtOfEntries() Reason {
	switch {
	case len(d.in.Ask.Hosts) == 0:
		return Because(noneAsks(d.in.Ask))
	case d.keepsValues():
		return Because(CauseAskUnreadable)
	}
	return Reason{}
}

// doubtOfOthers says who else has to do with the Secret: another source that names it, if there is one, or
// another Certificate.
func (d *decider) doubtOfOthers(other *source.Ref) Reason {
	if other != nil {
		return Because(CauseOtherNames, inWords(*other), d.in.Ask.Secret)
	}
	writer, _ := d.otherWriter()
	return writer
}

// doubtOfLive says what speaks against it in the fields: others hold some, or they aren't exactly those
// that are asked for.
func (d *decider) doubtOfLive() Reason {
	untracked := d.seen.Flags.Has(Untracked)
	if untracked && !d.in.Offline {
		return Because(CauseUntracked)
	}
	for _, e := range managedFields(d.seen.Live) {
		if e.mainResource() && !e.ours() {
			return Because(CauseOthersHold, problem.Quote(e.manager), string(e.operation))
		}
	}
	tied := asTied(d.config, d.seen.Tie)
	wanted, own := leaves(tied), ownEntry(managedFields(d.seen.Live)).fields()
	unlike := differing(wanted, tied, d.seen.Live)
	if !untracked {
		unlike = unlike.Union(own.Difference(wanted)).Union(wanted.Difference(own))
	}
	if !unlike.Empty() || !untracked && d.seen.Have != Want(tied) {
		return Because(CauseNotAsAsked, firstOf(texts(unlike)))
	}
	return Reason{}
}

// asTied is a configuration with a tie in the place of the owner reference.
func asTied(config map[string]any, tie string) map[string]any {
	out := runtime.DeepCopyJSON(config)
	remove(out, pathOwners)
	put(out, pathTie, tie)
	return out
}

func texts(set *fieldpath.Set) []string {
	var out []string
	for path := range set.All() {
		out = append(out, path.String())
	}
	return out
}
