package app

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/manifest"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
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

// plan is the result of a run, except for the sources themselves, which are written as they are
// decided: the plan of a large input is larger than the input.
type plan struct {
	ignored ignored
	// faults are of documents that aren't planned.
	faults []located
	// placeholders counts the sources with a part that something else fills in.
	placeholders int
	// missing says which sources that were named aren't there, and notes what else there is to
	// say of what was read.
	missing, notes []string

	sources, silent int
	actions         map[string]int
	severities      map[problem.Severity]int
	reissues        reissues
	// lines are the problems.
	lines []string
	// named are the sources that were asked for by name and are there.
	named map[namedSource]bool
	// issuers are the kinds that are named.
	issuers []resolver.GroupKind
	// applied is the first source for which the plan differs from what certshim has applied, and
	// undefaulted the first that lacks a default issuer.
	applied, undefaulted *source.Object
}

func newPlanOf(known *planInventory) *plan {
	p := &plan{
		ignored: known.ignored, faults: known.faults, notes: known.notes, placeholders: known.placeholders,
		actions: map[string]int{}, severities: map[problem.Severity]int{}, reissues: reissues{}, named: map[namedSource]bool{},
	}
	for _, fault := range p.faults {
		p.tell(fault.problem, fault.at)
	}
	return p
}

// add takes in what is kept of a source.
func (p *plan) add(one planned, selected selection) {
	p.sources++
	if !one.outcome.Ignored.IsZero() && len(one.outcome.Certificates) == 0 {
		p.silent++
	}
	for _, c := range one.outcome.Certificates {
		p.actions[string(c.Action)]++
		p.reissues.add(c, one.outcome.IssuerOf(c.At()))
	}
	for _, found := range one.outcome.Problems.All() {
		p.tell(found, one.lines.of(found, one.at))
	}
	if named := (namedSource{one.object.GroupKind(), one.object.Name}); slices.Contains(selected.named, named) {
		p.named[named] = true
	}
	p.noteIssuer(one.outcome.Issuer)
	for _, section := range one.outcome.Sections {
		p.noteIssuer(section.Issuer)
	}
	if p.applied == nil && one.applied {
		p.applied = one.object
	}
	if p.undefaulted == nil && one.lacksDefaultIssuer() {
		p.undefaulted = one.object
	}
}

// noteIssuer notes the kind of an issuer that is meant, if one is.
func (p *plan) noteIssuer(issuer resolver.Issuer) {
	kind := resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}
	if issuer.Name != "" && !slices.Contains(p.issuers, kind) {
		p.issuers = append(p.issuers, kind)
	}
}

func (p *plan) tell(found problem.Problem, at manifest.Position) {
	p.severities[found.Severity]++
	p.lines = append(p.lines, lineOf(found, at))
}

// planned is one source and what follows from it.
type planned struct {
	object  *source.Object
	outcome certshim.Outcome
	// at is where the source stands in the input; zero for one of a cluster.
	at manifest.Position
	// lines are the lines of problems that are known more exactly than the line of the object.
	lines places
	// live has the Certificates that exist, by name, as far as they were read.
	live map[types.NamespacedName]map[string]any
	// owners are those of Certificates that exist and aren't as they are asked for, by name.
	owners map[types.NamespacedName]*owners
	// applied is set if the plan differs from a Certificate that certshim has applied for the source.
	applied bool
}

// planWriter writes sources one after another in a format.
type planWriter interface {
	write(planned) error
	// close writes what follows after the last one.
	close(*plan) error
}

// newPlanWriter gives the writer of a format; those that programs read are never in colour.
func newPlanWriter(w io.Writer, format string, noHeaders, coloured bool) planWriter {
	switch format {
	case formatYAML:
		return yamlWriter{w}
	case formatJSON:
		return &jsonWriter{jsonItems{w: w, indent: "    "}}
	case formatDiff:
		return diffWriter{w, coloured}
	case formatReport:
		return &reportWriter{jsonItems{w: w, indent: "    "}}
	default:
		return newTableWriter(w, noHeaders, coloured)
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

// summary says in one line what was found.
func (p *plan) summary() string {
	parts := []string{count(p.sources, "source") + counts(p.actions)}
	if p.silent > 0 {
		parts = append(parts, fmt.Sprintf("%d asking for nothing", p.silent))
	}
	for _, severity := range problem.Severities() {
		if n := p.severities[severity]; n > 0 {
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
