package certificate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/problem"
)

// PutBack is a field that somebody else changed and that gets the wanted value again.
type PutBack struct {
	Conflict
	// ByTakeOver is true if [Decision.TakeOver] alone takes the field from its holder: after it, nothing
	// records any more who that was.
	ByTakeOver bool
	// Problem says so; it has no reason if nobody is recorded to have changed the field.
	Problem problem.Problem
}

// takeBack takes the changed fields from those who hold them. The identity is taken by the patch,
// the rest by a forced apply.
func (s *settlement) takeBack(changed *fieldpath.Set, live map[string]any) {
	for _, e := range managedFields(live) {
		if e.ours() {
			continue
		}
		held := e.fields()
		for path := range changed.All() {
			if !conflicts(path, held, live) {
				continue
			}
			_, rule := s.choice.about(e.holder, path)
			s.contested = true
			if s.choice.takes(e.holder) {
				continue
			}
			back := s.putBackOf(path, e.holder, rule, live)
			back.ByTakeOver = identity(path) && e.mainResource()
			s.force = s.force || !back.ByTakeOver
			s.putBack = append(s.putBack, back)
		}
	}
}

// takeBackFromNobody notes the fields that changed without our doing, though nobody else holds
// them: under our own name, or by a removal, which leaves no trace. If no value changed, it was what is
// recorded of them.
func (s *settlement) takeBackFromNobody(changed, own *fieldpath.Set, live map[string]any) {
	if changed.Empty() && !own.Equals(s.wanted) {
		s.putBack = append(s.putBack, PutBack{Conflict: Conflict{Field: ".metadata.managedFields"}})
		return
	}
	for path := range changed.All() {
		if isContainer(path, live) {
			continue
		}
		s.putBack = append(s.putBack, s.putBackOf(path, takenBy(path, own), 0, live))
	}
}

func (s *settlement) sortPutBack() {
	slices.SortFunc(s.putBack, func(a, b PutBack) int { return compareConflicts(a.Conflict, b.Conflict) })
}

// putBackProblems is what there is to say about what is put back.
func (s *settlement) putBackProblems() problem.List {
	var problems problem.List
	for _, p := range s.putBack {
		if p.Problem.Reason != "" {
			problems.Add(p.Problem)
		}
	}
	return problems
}

func compareConflicts(a, b Conflict) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation))
}

func (s *settlement) putBackOf(path fieldpath.Path, who holder, rule int, live map[string]any) PutBack {
	p := PutBack{Conflict: conflictOf(path, who, rule)}
	if who.manager == "" {
		return p
	}
	by := "field manager " + problem.Quote(who.manager) + " set"
	if who.ours() {
		by = "another process of the name certshim set"
	}
	p.Problem = problem.Problem{
		Severity: problem.Warning, Path: strings.TrimPrefix(p.Field, "."), Value: shown(lookup(s.config, path)), Reason: problem.EditPutBack,
		Message: fmt.Sprintf("%s %s of Certificate %s to %s, by %s; it is put back",
			by, p.Field, problem.Name(nameOf(live)), problem.Quote(shown(lookup(live, path))), who.operation),
	}
	return p
}

// ChangedOnAdmission gives the fields that have other values than a configuration had that was
// applied just before, and the problem that says so.
func ChangedOnAdmission(config, live map[string]any) (fields []string, p problem.Problem) {
	changed := differing(leaves(config), config, live)
	var values []string
	for path := range changed.All() {
		fields = append(fields, path.String())
		values = append(values, fmt.Sprintf("%s has the value %s", path, problem.Quote(shown(lookup(live, path)))))
	}
	if len(fields) == 0 {
		return nil, problem.Problem{}
	}
	first := problem.Problem{Severity: problem.Warning, Path: strings.TrimPrefix(fields[0], "."), Reason: problem.ChangedOnAdmission}
	first.Message = fmt.Sprintf("admission changes Certificate %s when it is applied: %s; it isn't applied again until something changes",
		problem.Name(nameOf(live)), strings.Join(values, ", "))
	return fields, first
}

// warnKeySize warns if somebody else's size of the private key doesn't fit the algorithm that is
// asked for: cert-manager refuses them together.
func (s *settlement) warnKeySize(live map[string]any) {
	algorithm, _ := lookup(s.config, pathAlgorithm).(string)
	size := shown(lookup(live, pathKeySize))
	if algorithm == "" || size == "" || lookup(s.config, pathKeySize) != nil || s.given.Has(pathKeySize) || fits(algorithm, size) {
		return
	}
	s.problems.Add(problem.Problem{
		Severity: problem.Warning, Path: "spec.privateKey.size", Value: size, Reason: problem.FieldConflict,
		Message: fmt.Sprintf("somebody else set .spec.privateKey.size of Certificate %s, which doesn't fit the algorithm %s that is asked for; it stays",
			problem.Name(nameOf(live)), algorithm),
	})
}

// fits knows the sizes that cert-manager takes with an algorithm.
func fits(algorithm, size string) bool {
	switch algorithm {
	case "ECDSA":
		return slices.Contains([]string{"256", "384", "521"}, size)
	case "RSA":
		const least, most = 2048, 8192
		var bits int
		_, err := fmt.Sscan(size, &bits)
		return err == nil && bits >= least && bits <= most
	}
	return true
}
