package certificate

import (
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// DecideUnneeded decides about a Certificate whose Secret the source, read without error, no
// longer names. It deletes only a Certificate whose controller reference has the source's uid,
// group, kind and name, none by a tie, none that is left to certshim adopt, and none while the source waits for another: awaits is the
// name of a Certificate that it asks for and doesn't get now, or empty.
func DecideUnneeded(policy Policy, object *source.Object, seen Observed, awaits string) Decision {
	seen = current(seen)
	d := decided(seen)
	switch {
	case seen.Flags.Has(Deleting):
		d.Action, d.Reason = Wait, Because(CauseDeleting)
	case !Owns(object, seen):
		d.Action = Keep
		d.Reason, _ = otherOwner(object, seen)
	case seen.IsForeign():
		d.Action, d.Reason = Keep, Because(CauseStaysElsewhere)
		d.Problems.Add(problem.Problem{
			Severity: problem.Warning, Path: "spec", Value: seen.FullName().String(), Reason: problem.NoLongerKept,
			Message: "Certificate " + problem.Name(seen.FullName().String()) + " isn't asked for any more, and stays: delete it if nobody needs it",
		})
	case seen.Flags.Has(Tied):
		d.Action, d.Reason = Keep, Because(CauseOutlives)
	case policy.Leaves(seen):
		d.Action, d.Reason = Keep, Because(CauseLeftToAdopt)
	case awaits != "":
		d.Action, d.Reason = Keep, Because(CauseAwaitsOther, problem.Name(awaits))
	default:
		d.Action, d.Reason = Delete, Because(CauseUnneeded)
		d.Guard = Guard{UID: seen.UID, ResourceVersion: seen.ResourceVersion}
	}
	return d
}

// NoLongerKept keeps the Certificate of a source that no longer asks for any, and says so in one
// problem; why says what happened to the source.
func NoLongerKept(object *source.Object, seen Observed, why Reason) Decision {
	seen = current(seen)
	d := decided(seen)
	d.Action, d.Reason = Keep, Because(CauseNotKept).behind(why)
	if !Owns(object, seen) || seen.Flags.Has(Deleting) {
		return d
	}
	d.Problems.Add(problem.Problem{
		Severity: problem.Warning, Path: "metadata.annotations", Value: seen.Name, Reason: problem.NoLongerKept,
		Message: "Certificate " + problem.Name(NameFrom(object, seen.FullName())) + " stays as it is and is no longer kept up to date: " + why.String(),
	})
	return d
}

// Refused decides for a source that isn't allowed what it asks for, for the reason why: its
// Certificate stays as it is, and no new one is created. The caller reports the problem.
func Refused(object *source.Object, ask source.Ask, existing *Observed, why Reason) Decision {
	return unchanged(object, ask, existing, Refuse, why)
}

// Undecided decides while something that the decision depends on isn't known, for the reason
// why: the source's Certificate stays as it is, and a new one waits.
func Undecided(object *source.Object, ask source.Ask, existing *Observed, why Reason) Decision {
	return unchanged(object, ask, existing, Wait, why)
}

func unchanged(object *source.Object, ask source.Ask, existing *Observed, missing Action, why Reason) Decision {
	if existing == nil {
		at := ask.At(object)
		return Decision{Namespace: at.Namespace, Name: at.Name, Action: missing, Reason: why, Reissue: ReissueNo}
	}
	seen := current(*existing)
	d := decided(seen)
	switch {
	case seen.Flags.Has(Deleting):
		d.Action, d.Reason = Wait, Because(CauseDeleting)
	case Owns(object, seen):
		d.Action, d.Reason = Keep, why
	default:
		d.Action = Refuse
		d.Reason, _ = otherOwner(object, seen)
	}
	return d
}

func decided(seen Observed) Decision {
	return Decision{Namespace: seen.Namespace, Name: seen.Name, Reissue: ReissueNo}
}
