package certificate

import (
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// DecideUnneeded decides about a Certificate whose Secret the source, read without
// error, names in no form any more. It deletes only what is the source's by uid, group,
// kind and name of the controller reference.
func DecideUnneeded(object *source.Object, seen Observed) Decision {
	seen = current(seen)
	d := decided(seen)
	switch {
	case seen.Flags.Has(Deleting):
		d.Action, d.Reason = Wait, "the Certificate is being deleted"
	case !owns(object, seen.Owner):
		d.Action, d.Reason = Keep, "nothing names it any more, but "+whose(object, seen)
	default:
		d.Action, d.Reason = Delete, "the source no longer names its Secret"
		d.Guard = Guard{UID: seen.UID, ResourceVersion: seen.ResourceVersion}
	}
	return d
}

func whose(object *source.Object, seen Observed) string {
	why, _ := stranger(object, seen)
	return why
}

// NoLongerKept keeps the Certificate of a source that asks for none any more, and says
// so in one problem; why says what became of the source.
func NoLongerKept(object *source.Object, seen Observed, why string) Decision {
	seen = current(seen)
	d := decided(seen)
	d.Action, d.Reason = Keep, "it is no longer kept up to date: "+why
	if !owns(object, seen.Owner) || seen.Flags.Has(Deleting) {
		return d
	}
	d.Problems.Add(problem.Problem{
		Severity: problem.Warning, Path: "metadata.annotations", Value: seen.Name, Reason: problem.NoLongerKept,
		Message: "Certificate " + problem.Name(seen.Name) + " stays as it is and is no longer kept up to date: " + why,
	})
	return d
}

// WithoutIssuer decides where the issuer can't be known or used, for the reason why: what
// is the source's stays as it is, and nothing new is made. The issuer has its own problem.
func WithoutIssuer(object *source.Object, ask source.Ask, existing *Observed, why string) Decision {
	if existing == nil {
		return Decision{
			Namespace: object.Namespace, Name: ask.Secret,
			Action: Refuse, Reason: why, Reissue: ReissueNo,
		}
	}
	seen := current(*existing)
	d := decided(seen)
	switch {
	case seen.Flags.Has(Deleting):
		d.Action, d.Reason = Wait, "the Certificate is being deleted"
	case owns(object, seen.Owner):
		d.Action, d.Reason = Keep, why
	default:
		d.Action = Refuse
		d.Reason, _ = stranger(object, seen)
	}
	return d
}

func decided(seen Observed) Decision {
	return Decision{Namespace: seen.Namespace, Name: seen.Name, Reissue: ReissueNo}
}
