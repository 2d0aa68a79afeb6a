package app

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// The formats of plan's output.
const (
	formatTable  = "table"
	formatYAML   = "yaml"
	formatJSON   = "json"
	formatDiff   = "diff"
	formatReport = "report"
)

func formats() []string {
	return []string{formatTable, formatYAML, formatJSON, formatDiff, formatReport}
}

// plan is what a run found out.
type plan struct {
	sources   []planned
	ignored   ignored
	noHeaders bool
	// faults are of documents that aren't planned.
	faults []located
	// missing says which sources that were named aren't there, and notes what else there is to
	// say of what was read.
	missing, notes []string
}

// planned is one source and what follows from it.
type planned struct {
	object  *source.Object
	outcome certshim.Outcome
	// at is where the source stands in the input; zero for one of a cluster.
	at manifest.Position
	// lines are those of its problems that are known better.
	lines places
	// live has the Certificates that exist, by name, as far as they were read.
	live map[string]map[string]any
	// applied is set if certshim applied one of its Certificates, of which the plan thinks
	// otherwise.
	applied bool
}

// write writes the plan in one of [formats].
func (p *plan) write(w io.Writer, format string) error {
	switch format {
	case formatYAML:
		return p.writeYAML(w)
	case formatJSON:
		return p.writeJSON(w)
	case formatDiff:
		return p.writeDiff(w)
	case formatReport:
		return p.writeReport(w)
	default:
		return p.writeTable(w)
	}
}

// heading says in one line whose a Certificate is, what happens to it, and why.
func heading(one planned, c certificate.Decision) string {
	return one.object.Object().String() + ": " + string(c.Action) + ", " + reason(c)
}

// writes says whether a decision leads to a manifest.
func writes(c certificate.Decision) bool {
	return (c.Action == certificate.Create || c.Action == certificate.Apply) && c.Config != nil
}

// problems gives all problems, a source's together.
func (p *plan) problems() []problem.Problem {
	var all []problem.Problem
	for _, fault := range p.faults {
		all = append(all, fault.problem)
	}
	for _, one := range p.sources {
		all = append(all, one.outcome.Problems.All()...)
	}
	return all
}

// problemLine says what is wrong, and where.
func (one planned) problemLine(p problem.Problem) string {
	return lineOf(p, one.lines.of(p, one.at))
}

// summary says in one line what was found.
func (p *plan) summary() string {
	actions, silent := map[string]int{}, 0
	for _, one := range p.sources {
		if one.outcome.Ignored != "" && len(one.outcome.Certificates) == 0 {
			silent++
		}
		for _, c := range one.outcome.Certificates {
			actions[string(c.Action)]++
		}
	}
	parts := []string{count(len(p.sources), "source") + counts(actions)}
	if silent > 0 {
		parts = append(parts, fmt.Sprintf("%d asking for nothing", silent))
	}
	severities := map[problem.Severity]int{}
	for _, one := range p.problems() {
		severities[one.Severity]++
	}
	for _, severity := range problem.Severities() {
		if n := severities[severity]; n > 0 {
			parts = append(parts, countSeverity(n, severity))
		}
	}
	if p.ignored.Documents > 0 {
		parts = append(parts, count(p.ignored.Documents, "document")+" of other kinds ignored"+counts(p.ignored.Kinds))
	}
	return strings.Join(parts, "; ")
}

// counts gives ": n thing, …", the most frequent first, or "".
func counts(of map[string]int) string {
	const most = 8
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		if of[a] != of[b] {
			return of[b] - of[a]
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names[:min(most, len(names))] {
		parts = append(parts, fmt.Sprintf("%d %s", of[name], name))
	}
	if len(names) > most {
		parts = append(parts, fmt.Sprintf("%d more kinds", len(names)-most))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func countSeverity(n int, severity problem.Severity) string {
	if severity == problem.Info {
		return fmt.Sprintf("%d info", n)
	}
	return count(n, string(severity))
}

func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
