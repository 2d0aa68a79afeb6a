package certificate

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// FieldCause is why the next apply does with a field what it does. It is empty for one that the
// apply leaves as it is.
type FieldCause string

const (
	// FieldMissing means that it is asked for, isn't there, and nobody is in the way.
	FieldMissing FieldCause = "missing"
	// FieldChanged means that it has another value, and nobody but us is recorded for it.
	FieldChanged FieldCause = "changed"
	// FieldUnrecorded means that it is as asked for, and recorded for nobody.
	FieldUnrecorded FieldCause = "unrecorded"
	// FieldNotHeld means that it is as asked for, and held by others alone; we come to hold it with them.
	FieldNotHeld FieldCause = "not-held"
	// FieldTakenOver means that a shim, an earlier update of ours or an unknown writer holds it, and loses it.
	FieldTakenOver FieldCause = "taken-over"
	// FieldTakenBack means that it ties the Certificate to its source, and is taken from whoever holds it.
	FieldTakenBack FieldCause = "taken-back"
	// FieldPutBack means that somebody updated it, and loses it.
	FieldPutBack FieldCause = "put-back"
	// FieldLeft means that somebody holds it with another value, and keeps it.
	FieldLeft FieldCause = "left"
	// FieldContested means that somebody takes it from us again and again, and keeps it for now.
	FieldContested FieldCause = "contested"
	// FieldLeftWithUnit means that somebody keeps another part of the issuer reference or private key, so that
	// the whole stays as it is.
	FieldLeftWithUnit FieldCause = "left-with-unit"
	// FieldFails means that somebody holds it with another value, and that the operator or the source
	// wants nothing of the Certificate to change then.
	FieldFails FieldCause = "fails"
	// FieldKept means that nothing of the Certificate may change for the sake of another field, which fails.
	FieldKept FieldCause = "kept"
	// FieldHeld means that nothing of the Certificate changes, as the operator lets no change go that no edit of the
	// source asks for.
	FieldHeld FieldCause = "held"
	// FieldRespected means that somebody removed it, and that it stays out until another value is asked for.
	FieldRespected FieldCause = "respected"
	// FieldGivenUp means that we hold it, nobody asks for it any more, and it is removed.
	FieldGivenUp FieldCause = "given-up"
	// FieldLeftBehind means that we hold it, nobody asks for it any more, and it stays since others apply it.
	FieldLeftBehind FieldCause = "left-behind"
)

// FieldCauses lists every cause.
func FieldCauses() []FieldCause {
	return []FieldCause{
		FieldMissing, FieldChanged, FieldUnrecorded, FieldNotHeld, FieldTakenOver, FieldTakenBack, FieldPutBack, FieldLeft, FieldContested, FieldLeftWithUnit, FieldFails, FieldKept, FieldHeld, FieldRespected, FieldGivenUp, FieldLeftBehind,
	}
}

// Words are what happens to the field, as a sentence fragment.
func (c FieldCause) Words() string { return causes[c] }

// causes is never changed.
var causes = map[FieldCause]string{
	FieldMissing:      "it is missing, and is set",
	FieldChanged:      "it has another value, which nobody else is recorded for, and is set",
	FieldUnrecorded:   "nobody is recorded for it; certshim comes to hold it",
	FieldNotHeld:      "others alone hold it with this value; certshim comes to hold it too",
	FieldTakenOver:    "it is taken over from a writer that certshim replaces",
	FieldTakenBack:    "it ties the Certificate to its source, and is taken back",
	FieldPutBack:      "somebody updated it, once; it is put back",
	FieldLeft:         "somebody holds it with another value, and keeps it",
	FieldContested:    "somebody takes it again and again, and keeps it for now",
	FieldFails:        "somebody holds it with another value, and nothing of the Certificate may change then",
	FieldKept:         "it stays as it is, since somebody holds another field for whose sake nothing may change",
	FieldHeld:         "it stays as it is, since no edit of the source asks for that and takeover.changesPerMinute is 0",
	FieldRespected:    "somebody removed it, and it stays out until another value is asked for",
	FieldLeftWithUnit: "it stays as it is, since somebody keeps another part of the same",
	FieldGivenUp:      "nobody asks for it any more; it is removed",
	FieldLeftBehind:   "nobody asks for it any more; it stays, since others apply it",
}

// Settlement is what the next apply does about a Certificate of ours, field by field.
type Settlement struct {
	settlement
	asked, live map[string]any
	own         *fieldpath.Set
	entries     []Entry
}

// Settle decides it for the configuration that a source asks for and the live Certificate. [Decide]
// goes by the same rules. Neither object is changed.
func Settle(asked, live map[string]any, choice Choice) Settlement {
	return Settlement{
		settlement: settle(asked, live, disturbance{}, choice), asked: asked, live: live,
		own: ownEntry(managedFields(live)).fields(), entries: Entries(live),
	}
}

// Config is the configuration to apply.
func (s Settlement) Config() map[string]any { return s.config }

// ManagedFields are the entries that take-over leaves before the apply, nil if there is none.
func (s Settlement) ManagedFields() []any { return s.settlement.entries }

// Fails reports whether nothing may change, for the sake of some field.
func (s Settlement) Fails() bool { return len(s.failed) > 0 }

// Force reports whether the apply takes fields from others by force.
func (s Settlement) Force() bool { return s.force }

// Differs reports whether the apply changes a value.
func (s Settlement) Differs() bool { return s.differs }

// Changes are the fields whose values the apply changes, as the API server writes them, sorted.
func (s Settlement) Changes() []string {
	changes := []string{}
	if s.Fails() {
		return changes
	}
	for path := range s.changed.All() {
		if !isContainer(path, s.live) {
			changes = append(changes, path.String())
		}
	}
	slices.Sort(changes)
	return changes
}

// Reissue says whether the apply causes a new certificate to be signed.
func (s Settlement) Reissue() Reissue {
	if s.Fails() {
		return ReissueNo
	}
	return reissue(s.settlement, s.live)
}

// Keeper is to whom a field is left, if to anybody: the holder of the field itself, or of another
// part of the same unit.
func (s Settlement) Keeper(path fieldpath.Path) (Conflict, bool) {
	field, whole := path.String(), unitOf(path)
	var unit *Conflict
	for i := range s.yielded {
		switch c := &s.yielded[i]; {
		case c.Field == field:
			return *c, true
		case unit == nil && len(whole) < len(path) && partOf(c.Field, whole):
			unit = c
		}
	}
	if unit == nil || equal(lookup(s.asked, path), lookup(s.config, path)) {
		return Conflict{}, false
	}
	return *unit, true
}

// partOf reports whether a path in the API server's form lies within a unit.
func partOf(field string, unit fieldpath.Path) bool {
	whole := unit.String()
	return len(field) > len(whole) && field[:len(whole)] == whole && field[len(whole)] == '.'
}

// Cause is why the apply does with a field what it does. held is set where nothing is applied, as
// [CauseChangesHeld] says.
func (s Settlement) Cause(path fieldpath.Path, held bool) FieldCause {
	switch cause := s.causeOfApply(path); {
	case !cause.writes():
		return cause
	case s.Fails():
		return FieldKept
	case held:
		return FieldHeld
	default:
		return cause
	}
}

// writes reports whether the field, or who holds it, is another after the apply.
func (c FieldCause) writes() bool {
	switch c {
	case "", FieldLeft, FieldContested, FieldLeftWithUnit, FieldFails, FieldKept, FieldHeld, FieldRespected:
		return false
	default:
		return true
	}
}

// causeOfApply is why an apply of all that is asked for does with a field what it does.
func (s Settlement) causeOfApply(path fieldpath.Path) FieldCause {
	want := lookup(s.asked, path)
	if slices.ContainsFunc(s.failed, func(c Conflict) bool { return c.Field == path.String() }) {
		return FieldFails
	}
	if s.respected.Has(path) {
		return FieldRespected
	}
	switch keeper, kept := s.Keeper(path); {
	case kept && keeper.Field == path.String() && keeper.Rounds > 0:
		return FieldContested
	case kept && keeper.Field == path.String():
		return FieldLeft
	case kept:
		return FieldLeftWithUnit
	case want == nil:
		return s.causeOfUnasked(path)
	case equal(want, lookup(s.live, path)):
		return s.causeOfEqual(path)
	}
	return s.causeOfDifferent(path)
}

func (s Settlement) causeOfUnasked(path fieldpath.Path) FieldCause {
	switch {
	case !s.own.Has(path) || isContainer(path, s.live):
		return ""
	case s.given.Has(path):
		return FieldGivenUp
	}
	return FieldLeftBehind
}

func (s Settlement) causeOfEqual(path fieldpath.Path) FieldCause {
	held := false
	for _, e := range s.entries {
		if e.Ours() || !e.Fields.Has(path) {
			continue
		}
		if e.Replaced() {
			return FieldTakenOver
		}
		held = true
	}
	switch {
	case s.own.Has(path):
		return ""
	case held:
		return FieldNotHeld
	}
	return FieldUnrecorded
}

func (s Settlement) causeOfDifferent(path fieldpath.Path) FieldCause {
	cause := FieldChanged
	if lookup(s.live, path) == nil {
		cause = FieldMissing
	}
	for _, e := range s.entries {
		switch {
		case e.Ours() || !conflicts(path, e.Fields, s.live):
		case identity(path):
			return FieldTakenBack
		case e.Replaced():
			cause = FieldTakenOver
		default:
			return FieldPutBack
		}
	}
	return cause
}
