package certificate

import (
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/problem"
)

// Adoption is what an operator chooses, for one run, to take over beyond what certshim takes over by
// itself. A nil Adoption is no choice.
type Adoption struct {
	// Managers are field managers whose fields are taken over as those of cert-manager's shims are, by
	// their exact names. A Certificate that has no controller owner is adopted if one of them holds
	// fields of it.
	Managers []string
	// Own gives what had no controller owner an owner reference to the source, with which it is then
	// deleted. Without it, it outlives the source.
	Own bool
	// From is the uid of the controller owner that gives its Certificates up; it is empty for none.
	From string
}

// takes reports whether fields of a holder are taken over wherever we ask for them.
func (c Choice) takes(h holder) bool {
	return h.takeable() || h.mainResource() && !h.ours() && slices.Contains(c.adopted, h.manager)
}

// adopt makes a Certificate the source's that isn't, if the operator chose that and nothing is in
// doubt; else it leaves it to [notOurs], with what is missing. None of another namespace is adopted.
func adopt(d *decider) bool {
	a := d.in.Policy.Adoption
	if a == nil || d.in.isForeign() || Owns(d.in.Source, d.seen) || d.seen.Owner != (Owner{}) && !a.gives(d.seen.Owner) {
		return false
	}
	if d.seen.Live == nil {
		d.out.NeedsLive = true
		return d.decide(Wait, CauseLiveNeeded)
	}
	if d.missing = a.doubt(d); !d.missing.IsZero() {
		return false
	}
	d.adopted, d.out.Adopted = true, true
	if d.seen.Owner == (Owner{}) && !a.Own {
		d.in.Retain, d.in.keepRetained = true, true
	}
	return false
}

// gives reports whether an owner is the one that gives its Certificates up.
func (a *Adoption) gives(owner Owner) bool { return a.From != "" && a.From == owner.UID }

// doubt says what speaks against adopting a Certificate, if anything does.
func (a *Adoption) doubt(d *decider) Reason {
	var elsewhere Reason
	if d.seen.Secret != d.in.Ask.Secret {
		elsewhere = Because(CauseOtherSecret, problem.Name(d.seen.Secret))
	}
	other := d.in.Other
	if a.From != "" {
		other = nil // it is the one that gives the Certificate up
	}
	return firstReason(d.doubtOfEntries(), elsewhere, d.doubtOfOthers(other), a.doubtOfHolders(d), doubtOfNames(d))
}

// doubtOfHolders says that none of the named field managers holds a field of a Certificate without an
// owner, and who does. One whose adoption was begun has our entry, with the owner that it was to get.
func (a *Adoption) doubtOfHolders(d *decider) Reason {
	if d.seen.Owner != (Owner{}) || d.seen.Flags.Has(Untracked) {
		return Reason{}
	}
	var others []string
	for _, e := range managedFields(d.seen.Live) {
		switch {
		case !e.mainResource():
		case e.ours() && d.isBegun(e.fields()), slices.Contains(a.Managers, e.manager):
			return Reason{}
		default:
			others = append(others, problem.Quote(e.manager)+" ("+string(e.operation)+")")
		}
	}
	slices.Sort(others)
	return Because(CauseNotNamed, firstOf(slices.Compact(others)))
}

// isBegun reports whether an adoption was stopped between its two requests: our entry has the owner
// reference or the tie, which isn't there.
func (d *decider) isBegun(own *fieldpath.Set) bool {
	owner := ownerPath(map[string]any{"uid": d.in.Source.UID})
	return own.Has(owner) || own.Has(pathTie) && lookup(d.seen.Live, pathTie) == nil
}

// doubtOfNames says which names of a Certificate its new source doesn't ask for, if there are any: they
// would be missing from the next certificate.
func doubtOfNames(d *decider) Reason {
	live, _ := d.seen.Live["spec"].(map[string]any)
	claim := Claim{names: newNameSet(sansOf(d.in.Ask.Hosts, d.in.Request))}
	lost := claim.lacks(sans{
		dns: textsOf(live["dnsNames"]), ips: textsOf(live["ipAddresses"]), uris: textsOf(live["uris"]), emails: textsOf(live["emailAddresses"]),
	})
	if len(lost) == 0 {
		return Reason{}
	}
	return Because(CauseLosesNames, firstOf(lost))
}

// fillsIssuer reports whether an apply adds a kind or group to an issuer reference that has none. It
// means the same, but some releases of cert-manager (1.19.0) compare the text and issue again.
func fillsIssuer(config, live map[string]any) bool {
	before, _ := lookup(live, pathIssuerRef).(map[string]any)
	after, _ := lookup(config, pathIssuerRef).(map[string]any)
	return after != nil && text(before, "name") == text(after, "name") && (text(before, "kind") == "" || text(before, "group") == "")
}

// Change is a field that a decision gives another value.
type Change struct {
	// Field is the path as the API server writes it in conflicts: .spec.duration.
	Field string `json:"field"`
	// Live and Want are the values as people read them, empty for none.
	Live string `json:"live"`
	Want string `json:"want"`
}

// InSpec reports whether the field is one that cert-manager reads, and not metadata.
func (c Change) InSpec() bool { return strings.HasPrefix(c.Field, ".spec.") }

// changes are the changed fields with both values, sorted.
func (s *settlement) changes(live map[string]any) []Change {
	var all []Change
	for path := range s.changed.All() {
		if !isContainer(path, live) {
			all = append(all, Change{Field: path.String(), Live: shownWhole(lookup(live, path)), Want: shownWhole(lookup(s.config, path))})
		}
	}
	slices.SortFunc(all, func(a, b Change) int { return strings.Compare(a.Field, b.Field) })
	return all
}

// shownWhole is shown, and an owner reference as the object that it names.
func shownWhole(value any) string {
	if owner, isOwner := value.(map[string]any); isOwner && owner["uid"] != nil {
		return text(owner, "kind") + " " + text(owner, "name")
	}
	return shown(value)
}
