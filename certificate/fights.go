package certificate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/problem"
)

// Fight is a field that somebody takes from us again and again. If they hold it, with another value
// than the wanted one, it is left to them for now.
type Fight struct {
	// Field is taken by Manager, by Operation. Both are empty if nobody is recorded, as for a field
	// that was removed.
	Field, Manager, Operation string
	// Rounds is how often it was taken.
	Rounds int
}

// rounds is how often a holder took a field, if that makes it a fight; else 0.
func (c Choice) rounds(h holder, path fieldpath.Path) int {
	if len(c.Fights) == 0 || identity(path) {
		return 0
	}
	field := path.String()
	i := slices.IndexFunc(c.Fights, func(f Fight) bool {
		return f.Field == field && f.Manager == h.manager && f.Operation == string(h.operation)
	})
	if i < 0 {
		return 0
	}
	return c.Fights[i].Rounds
}

// yieldToNobody leaves fields as they are that are fought over without anybody who is recorded for
// them: what another process of our name sets, and what somebody removes.
func (s *settlement) yieldToNobody(live map[string]any) {
	if len(s.choice.Fights) == 0 {
		return
	}
	entries := managedFields(live)
	own := ownEntry(entries).fields()
	wanted := leaves(s.config)
	for path := range differing(wanted, s.config, live).Union(own.Difference(wanted)).All() {
		who := takenBy(path, own)
		rounds := s.choice.rounds(who, path)
		if rounds == 0 || isContainer(path, live) || someoneHolds(path, entries, live) {
			continue
		}
		c := conflictOf(path, who, 0)
		c.Rounds = rounds
		s.yield(path, lookup(s.config, path), c, live)
		if value := lookup(live, path); value != nil && own.Has(path) {
			put(s.config, path, runtime.DeepCopyJSONValue(value))
		}
	}
}

// takenBy is who changed a field that nobody else is recorded for: another process of our name, or
// nobody who is known.
func takenBy(path fieldpath.Path, own *fieldpath.Set) holder {
	if own.Has(path) {
		return holder{manager: FieldManager, operation: byApply}
	}
	return holder{}
}

func someoneHolds(path fieldpath.Path, entries []entry, live map[string]any) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return !e.ours() && conflicts(path, e.fields(), live) })
}

// contestedProblem says that a field is left for now to somebody who takes it again and again.
func contestedProblem(c Conflict, want, live any, name string) problem.Problem {
	by := "field manager " + problem.Quote(c.Manager)
	how := fmt.Sprintf("set it to %s, by %s", problem.Quote(shown(live)), c.Operation)
	switch {
	case c.Manager == "":
		by = "somebody who isn't recorded"
	case c.Manager == FieldManager && c.Operation == string(byApply):
		by = "another process of the name certshim, or admission,"
	}
	if live == nil {
		how = "removed it"
	}
	return problem.Problem{
		Severity: problem.Warning, Path: strings.TrimPrefix(c.Field, "."), Value: shown(want), Reason: problem.FieldContested,
		Message: fmt.Sprintf("%s has taken %s of Certificate %s from certshim %d times, and %s; it stays so until certshim tries again",
			by, c.Field, problem.Name(name), c.Rounds, how),
	}
}
