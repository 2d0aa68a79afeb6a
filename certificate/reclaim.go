package certificate

import (
	"cmp"
	"fmt"

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
	if !isTied(d.seen) || Owns(d.in.Source, d.seen.Owner) {
		return false
	}
	if d.missing = d.doubt(); d.missing != "" {
		return false
	}
	if d.seen.Live == nil {
		d.out.NeedsLive = true
		return d.decide(Wait, "the live Certificate has to be read first, to see whether it is as asked for and certshim's alone")
	}
	buildConfig(d)
	if d.missing = d.doubtOfLive(); d.missing != "" {
		return false
	}
	return d.own("it is tied to this object, which takes it over; no value changes")
}

// own makes a Certificate the source's that is as the source asks for: no value changes.
func (d *decider) own(reason string) bool {
	d.warnViolations()
	d.out.Config, d.out.Want, d.out.Reissue = d.config, Want(d.config), ReissueNo
	d.out.Guard = Guard{UID: d.seen.UID, ResourceVersion: d.seen.ResourceVersion}
	return d.decide(Apply, reason)
}

// isTied reports whether a Certificate has a tie to any object, and no controller owner reference.
func isTied(seen Observed) bool {
	return seen.Tie != "" && (seen.Owner == Owner{} || seen.Flags.Has(Tied))
}

// Claimable reports whether a Certificate that isn't the source's may become so by its tie.
func Claimable(object *source.Object, seen Observed) bool {
	return isTied(seen) && !Owns(object, seen.Owner) && tieDoubt(object, seen) == ""
}

// doubt says what speaks against taking over a tied Certificate, as far as that is known without
// its fields, or "".
func (d *decider) doubt() string {
	if why := tieDoubt(d.in.Source, d.seen); why != "" {
		return why
	}
	return d.doubtOfAsk()
}

// doubtOfAsk says what speaks against giving the source a Certificate in what is asked for, by it and
// by others, or "".
func (d *decider) doubtOfAsk() string {
	return cmp.Or(d.doubtOfEntries(), d.doubtOfOthers(d.in.Other))
}

// doubtOfEntries says what speaks against it in the entries and annotations of the source, or "".
func (d *decider) doubtOfEntries() string {
	switch {
	case len(d.in.Ask.Hosts) == 0:
		return "no valid entry asks for it"
	case d.keepsValues():
		return "not all that is asked for can be read"
	}
	return ""
}

// doubtOfOthers says who else has to do with the Secret: another source that names it, if there is one, or
// another Certificate; or "".
func (d *decider) doubtOfOthers(other *source.Ref) string {
	writer, shared := d.otherWriter()
	switch {
	case other != nil:
		return fmt.Sprintf("%s %s names Secret %s too", other.Kind, problem.Name(other.Name), d.in.Ask.Secret)
	case shared:
		return fmt.Sprintf("Certificate %s writes Secret %s too", problem.Name(writer), d.in.Ask.Secret)
	}
	return ""
}

// doubtOfLive says what speaks against it in the fields, or "": others hold some, or they aren't
// exactly those that are asked for.
func (d *decider) doubtOfLive() string {
	untracked := d.seen.Flags.Has(Untracked)
	if untracked && !d.in.Offline {
		return "it has no managedFields, which would show that certshim applied it"
	}
	for _, e := range managedFields(d.seen.Live) {
		if e.mainResource() && !e.ours() {
			return fmt.Sprintf("field manager %s holds fields of it, by %s: only what certshim alone applied is taken over", problem.Quote(e.manager), e.operation)
		}
	}
	tied := asTied(d.config, d.seen.Tie)
	wanted, own := leaves(tied), ownEntry(managedFields(d.seen.Live)).fields()
	unlike := differing(wanted, tied, d.seen.Live)
	if !untracked {
		unlike = unlike.Union(own.Difference(wanted)).Union(wanted.Difference(own))
	}
	if !unlike.Empty() || !untracked && d.seen.Have != Want(tied) {
		return "it isn't as asked for: " + firstOf(texts(unlike))
	}
	return ""
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
