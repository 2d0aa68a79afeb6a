package certificate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/certshim/certshim/problem"
)

// settlement is a configuration adjusted to the managers of the live Certificate's fields.
type settlement struct {
	// choice is what is done about fields that others hold.
	choice Choice
	// config is the configuration without the fields left to others.
	config map[string]any
	// wanted are its leaves, and owned is what our Apply entry will own.
	wanted, owned *fieldpath.Set
	// given is the part of our entry that is no longer wanted and that nobody applies. An apply
	// removes it unless an Update entry shares it.
	given *fieldpath.Set
	// yielded are the fields left to others, putBack those that are taken back from them, and failed
	// those for whose sake nothing may change.
	yielded []Conflict
	putBack []PutBack
	failed  []Conflict
	// respected are the fields that somebody removed and that stay out.
	respected *fieldpath.Set
	problems  problem.List
	// entries are the managedFields after a take-over, nil if none is needed.
	entries []any
	// shimHeld is true if wanted fields are taken over from one of cert-manager's shims.
	shimHeld bool
	// changed are the fields whose live values differ from the wanted ones, removed included. differs
	// is true if there are any.
	changed *fieldpath.Set
	differs bool
	// astray is true if the Certificate isn't tied to its source or its Secret as it is meant to be.
	astray bool
	// contested is true if others hold a field with another value than the wanted one, and lose it.
	contested bool
	// force is true if the apply has to take fields from others.
	force bool
}

// settle decides whose each wanted field is that has another value. It goes by how somebody came
// to hold it, never by who it is, but for cert-manager's shims:
//
//  0. What the operator's rules say, or in place of 2 and 3 the source, counts.
//  1. Fields of a shim, of an earlier update of ours or of an unknown writer are taken over.
//  2. What somebody applies is a standing wish, and is left to them.
//  3. What somebody updated, once, is put back by force.
//  4. What nobody holds is applied.
//  5. What would be put back by 0, 3 or 4, and is fought over, is left for now to whoever takes it.
//
// Equal values are owned together. What ties a Certificate to its source is never left to others. What
// somebody removed stays out if the choice is to respect that.
func settle(config, live map[string]any, seen disturbance, choice Choice) settlement {
	s := settlement{config: runtime.DeepCopyJSON(config), choice: choice}
	s.respected = leaveOutRespected(s.config)
	own := ownEntry(managedFields(live)).fields()
	s.yieldToHolders(live, seen)
	s.yieldToNobody(live)
	if choice.RespectRemovals && seen.changed && Want(s.config) == seen.before {
		s.respectRemovals(own, live)
	}
	s.wanted = leaves(s.config)
	loose := replaced(s.config, live)
	s.owned = s.wanted.Union(own).Union(loose)
	s.given = givenUp(live, s.wanted).Union(loose)
	changed := differing(s.wanted, s.config, live)
	// An apply also removes what our entry owns and the configuration leaves out.
	s.changed = changed.Union(own.Difference(s.wanted))
	s.differs = !s.changed.Empty()
	s.astray = !where(changed, tie).Empty()
	s.takeBack(changed, live)
	if seen.changed && len(s.putBack) == 0 {
		s.takeBackFromNobody(s.changed, own, live)
	}
	slices.SortFunc(s.yielded, compareConflicts)
	s.sortPutBack()
	s.warnKeySize(live)
	s.takeOver(live)
	return s
}

// disturbance is what is known of a change of what we own without our doing.
type disturbance struct {
	// changed is true if there was one, and before is what we owned then, with its values.
	changed bool
	before  Digest
	// lacking is true if names were lost to others before, and weren't there again since.
	lacking bool
}

// yieldToHolders removes what is left to others, with a different value, from the configuration, and
// notes for which fields nothing may change at all.
func (s *settlement) yieldToHolders(live map[string]any, seen disturbance) {
	config := runtime.DeepCopyJSON(s.config)
	changed := differing(leaves(config), config, live)
	lacking := seen.lacking || seen.changed && seen.before == Want(config)
	for _, e := range managedFields(live) {
		if e.ours() {
			continue
		}
		held := e.fields()
		for path := range changed.All() {
			if conflicts(path, held, live) {
				s.yieldTo(e.holder, path, config, live, lacking)
			}
		}
	}
	slices.SortFunc(s.failed, compareConflicts)
}

// yieldTo does it for one field and one holder. lacking is true if the names that are asked for were there before:
// then they aren't left to somebody who takes some away.
func (s *settlement) yieldTo(h holder, path fieldpath.Path, config, live map[string]any, lacking bool) {
	then, rule := s.choice.about(h, path)
	c := conflictOf(path, h, rule)
	if then == Force {
		c.Rounds = s.choice.rounds(h, path)
	}
	if then == Force && c.Rounds == 0 {
		return
	}
	if lacking {
		c.Lost = lostName(path, config, live)
	}
	if then == Fail || c.Lost != "" {
		s.failed = append(s.failed, c)
		return
	}
	s.yield(path, lookup(config, path), c, live)
}

// lostName is a name of a list that is asked for and that the live one lacks, or "".
func lostName(path fieldpath.Path, config, live map[string]any) string {
	for _, f := range nameFields() {
		if !path.Equals(fieldpath.MakePathOrDie("spec", specName(f.field))) {
			continue
		}
		there := formsOf(textsOf(lookup(live, path)), f.form)
		for _, name := range textsOf(lookup(config, path)) {
			if !slices.Contains(there, f.form(name)) {
				return name
			}
		}
	}
	return ""
}

func conflictOf(path fieldpath.Path, h holder, rule int) Conflict {
	return Conflict{Field: path.String(), Manager: h.manager, Operation: string(h.operation), Rule: rule}
}

// identity reports whether a field ties a Certificate to its source, or records what certshim
// did to it.
func identity(path fieldpath.Path) bool {
	return tie(path) || path.Equals(pathFromResolver) || path.Equals(pathRespected)
}

// tie reports whether a field ties a Certificate to its source and its Secret.
func tie(path fieldpath.Path) bool {
	return path.Equals(pathSecretName) || within(path, pathOwners) || path.Equals(pathTie)
}

// conflicts reports whether changing a value would conflict with the holder of a set.
func conflicts(path fieldpath.Path, held *fieldpath.Set, live map[string]any) bool {
	return held.Has(path) || emptyAbove(path, held, live) != nil
}

// emptyAbove returns the map above a path that is held and has nothing in it, or nil. Whoever holds
// one holds it as a value, which each field that is set in it changes.
func emptyAbove(path fieldpath.Path, held *fieldpath.Set, live map[string]any) fieldpath.Path {
	for i := 1; i < len(path); i++ {
		inside, _ := lookup(live, path[:i]).(map[string]any)
		if held.Has(path[:i]) && len(inside) == 0 {
			return path[:i]
		}
	}
	return nil
}

// yield leaves a field to its holder; of the issuer reference and the private key the
// whole as it stands, since the parts of two managers make one that nobody meant.
func (s *settlement) yield(path fieldpath.Path, want any, to Conflict, live map[string]any) {
	s.yielded = append(s.yielded, to)
	s.problems.Add(yieldedProblem(to, want, lookup(live, path), nameOf(live)))
	remove(s.config, unitOf(path))
	s.freeze(unitOf(path), live)
}

// yieldedProblem says that a field is left to its holder.
func yieldedProblem(to Conflict, want, live any, name string) problem.Problem {
	if to.Rounds > 0 {
		return contestedProblem(to, want, live, name)
	}
	return problem.Problem{
		Severity: problem.Warning, Path: strings.TrimPrefix(to.Field, "."), Value: shown(want), Reason: problem.FieldConflict,
		Message: fmt.Sprintf("field manager %s of Certificate %s holds %s with the value %s, by %s; it stays theirs",
			problem.Quote(to.Manager), problem.Name(name), to.Field, problem.Quote(shown(live)), to.Operation),
	}
}

// freeze keeps what our entry holds of a unit at its live values: parts left out of an apply
// would be removed, and the rest would mean another issuer or key.
func (s *settlement) freeze(unit fieldpath.Path, live map[string]any) {
	for path := range ownEntry(managedFields(live)).fields().All() {
		value := lookup(live, path)
		if len(path) > len(unit) && within(path, unit) && value != nil {
			put(s.config, path, runtime.DeepCopyJSONValue(value))
		}
	}
}

// unitOf returns the unit that is left to others together with path.
func unitOf(path fieldpath.Path) fieldpath.Path {
	for _, unit := range []fieldpath.Path{pathIssuerRef, pathPrivateKey} {
		if within(path, unit) {
			return unit
		}
	}
	return path
}

// described lists the changed fields, and each with its live value.
func (s *settlement) described(live map[string]any) (fields, values string) {
	var paths, withValues []string
	for path := range s.changed.All() {
		if isContainer(path, live) {
			continue
		}
		paths = append(paths, path.String())
		withValues = append(withValues, fmt.Sprintf("%s is %s", path, problem.Quote(shown(lookup(live, path)))))
	}
	slices.Sort(paths)
	slices.Sort(withValues)
	return firstOf(paths), firstOf(withValues)
}

func nameOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	return text(metadata, "name")
}

func shown(value any) string {
	if list, ok := value.([]any); ok {
		parts := make([]string, len(list))
		for i, item := range list {
			parts[i] = fmt.Sprint(item)
		}
		return strings.Join(parts, ",")
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// leaves returns the leaves of a configuration, in the sense of [Want].
func leaves(config map[string]any) *fieldpath.Set {
	set := fieldpath.NewSet()
	metadata, _ := config["metadata"].(map[string]any)
	for _, name := range []string{"labels", "annotations"} {
		values, _ := metadata[name].(map[string]any)
		collect(set, fieldpath.MakePathOrDie("metadata", name), values)
	}
	eachItem(metadata["ownerReferences"], func(item any) {
		set.Insert(ownerPath(item))
	})
	spec, _ := config["spec"].(map[string]any)
	collect(set, pathSpec, spec)
	return set
}

// ownerPath is the path of an owner reference.
func ownerPath(item any) fieldpath.Path {
	uid := value.NewValueInterface(uidOf(item))
	return child(pathOwners, fieldpath.KeyElement(value.Field{Name: "uid", Value: uid}))
}

func collect(set *fieldpath.Set, at fieldpath.Path, values map[string]any) {
	for name, value := range values {
		path := child(at, fieldpath.FieldNameElement(name))
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			collect(set, path, inner)
			continue
		}
		set.Insert(path)
	}
}
