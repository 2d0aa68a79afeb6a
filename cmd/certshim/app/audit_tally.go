package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/ownership"
)

// auditTally counts what an audit finds, whatever is shown of it.
type auditTally struct {
	certificates, ours int
	verdicts           map[ownership.Verdict]*tallied
	managers           map[managerKey]*managerTally
	namespaces         map[string]*namespaceTally
	findings           map[ownership.Kind]int
	// rules are what the operator's rules say, and ruled what each of them decides about.
	rules []string
	ruled map[int]*tallied
}

// tallied counts fields, and the Certificates that have one.
type tallied struct{ fields, certificates int }

// managerKey is a field manager, which holds fields in one of two ways.
type managerKey struct{ manager, operation string }

type managerTally struct {
	class                       ownership.Class
	fields, alone, certificates int
}

type namespaceTally struct{ certificates, attention int }

func newAuditTally(rules []configuration.OwnershipRule) auditTally {
	t := auditTally{
		verdicts: map[ownership.Verdict]*tallied{}, managers: map[managerKey]*managerTally{},
		namespaces: map[string]*namespaceTally{}, findings: map[ownership.Kind]int{},
		ruled: map[int]*tallied{},
	}
	for _, rule := range rules {
		t.rules = append(t.rules, rule.Then)
	}
	return t
}

func (t *auditTally) add(one audited) {
	t.certificates++
	if one.Ours {
		t.ours++
	}
	namespace := entryOf(t.namespaces, one.Namespace)
	namespace.certificates++
	for verdict, n := range one.Counts() {
		of := entryOf(t.verdicts, verdict)
		of.fields += n
		of.certificates++
		if slices.Contains(attention(), verdict) {
			namespace.attention += n
		}
	}
	for rule, n := range one.Rules {
		of := entryOf(t.ruled, rule)
		of.fields += n
		of.certificates++
	}
	t.addSettled(one.Settled)
	seen := map[managerKey]bool{}
	for _, entry := range one.Entries {
		if entry.Fields == 0 {
			continue
		}
		key := managerKey{entry.Manager, entry.Operation}
		of := entryOf(t.managers, key)
		of.class = entry.Class
		of.fields += entry.Fields
		of.alone += entry.Alone
		if !seen[key] {
			of.certificates++
		}
		seen[key] = true
	}
}

// addSettled adds the fields of a Certificate that all are certshim's.
func (t *auditTally) addSettled(fields int) {
	if fields == 0 {
		return
	}
	ours := entryOf(t.verdicts, ownership.Ours)
	ours.fields += fields
	ours.certificates++
	own := ownHolder()[0]
	of := entryOf(t.managers, managerKey{own.Manager, own.Operation})
	of.class = own.Class
	of.fields += fields
	of.alone += fields
	of.certificates++
}

func (t *auditTally) addFindings(all []ownership.Finding) {
	for _, f := range all {
		t.findings[f.Kind]++
	}
}

// failing says what was found of the words of --fail-on, a line each.
func (t *auditTally) failing(words []string) []string {
	var lines []string
	for _, word := range words {
		if of := t.verdicts[ownership.Verdict(word)]; of != nil {
			lines = append(lines, fmt.Sprintf("%s: %s of %s", word, count(of.fields, "field"), count(of.certificates, "Certificate")))
		}
		if n := t.findings[ownership.Kind(word)]; n > 0 {
			lines = append(lines, word+": "+count(n, "finding"))
		}
	}
	return lines
}

// auditSummary is what an audit found in numbers, of all that was audited.
type auditSummary struct {
	Certificates int `json:"certificates"`
	// Ours are the Certificates that a source asks for and owns.
	Ours       int                `json:"ours"`
	Verdicts   []verdictSummary   `json:"verdicts"`
	Managers   []managerSummary   `json:"managers"`
	Namespaces []namespaceSummary `json:"namespaces"`
	Findings   []findingSummary   `json:"findings"`
	// Rules are those of ownership.rules.
	Rules []ruleSummary `json:"rules"`
}

type verdictSummary struct {
	Verdict      ownership.Verdict `json:"verdict"`
	Fields       int               `json:"fields"`
	Certificates int               `json:"certificates"`
}

type managerSummary struct {
	Manager      string          `json:"manager"`
	Operation    string          `json:"operation"`
	Class        ownership.Class `json:"class"`
	Fields       int             `json:"fields"`
	Alone        int             `json:"alone"`
	Certificates int             `json:"certificates"`
}

type namespaceSummary struct {
	Namespace    string `json:"namespace"`
	Certificates int    `json:"certificates"`
	// Attention counts the fields that need attention.
	Attention int `json:"attention"`
}

// ruleSummary is what a rule decides about: fields that are asked for and that others hold, too.
type ruleSummary struct {
	// Rule is its number, counted from 1.
	Rule         int    `json:"rule"`
	Then         string `json:"then"`
	Fields       int    `json:"fields"`
	Certificates int    `json:"certificates"`
}

// path is where the rule stands in the configuration.
func (r ruleSummary) path() string { return fmt.Sprintf("ownership.rules[%d]", r.Rule-1) }

type findingSummary struct {
	Kind  ownership.Kind `json:"kind"`
	Count int            `json:"count"`
}

// summary has the verdicts in their order, the managers with most fields first, and the namespaces
// with most to attend to first.
func (t *auditTally) summary() auditSummary {
	s := auditSummary{
		Certificates: t.certificates, Ours: t.ours,
		Verdicts: []verdictSummary{}, Managers: []managerSummary{}, Namespaces: []namespaceSummary{}, Findings: []findingSummary{},
		Rules: []ruleSummary{},
	}
	for _, v := range ownership.Verdicts() {
		if of := t.verdicts[v]; of != nil {
			s.Verdicts = append(s.Verdicts, verdictSummary{v, of.fields, of.certificates})
		}
	}
	for key, of := range t.managers {
		s.Managers = append(s.Managers, managerSummary{key.manager, key.operation, of.class, of.fields, of.alone, of.certificates})
	}
	slices.SortFunc(s.Managers, func(a, b managerSummary) int {
		return cmp.Or(cmp.Compare(b.Fields, a.Fields), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation))
	})
	for name, of := range t.namespaces {
		s.Namespaces = append(s.Namespaces, namespaceSummary{name, of.certificates, of.attention})
	}
	slices.SortFunc(s.Namespaces, func(a, b namespaceSummary) int {
		return cmp.Or(cmp.Compare(b.Attention, a.Attention), cmp.Compare(b.Certificates, a.Certificates), cmp.Compare(a.Namespace, b.Namespace))
	})
	for _, kind := range slices.Sorted(maps.Keys(t.findings)) {
		s.Findings = append(s.Findings, findingSummary{kind, t.findings[kind]})
	}
	for i, then := range t.rules {
		one := ruleSummary{Rule: i + 1, Then: then}
		if of := t.ruled[one.Rule]; of != nil {
			one.Fields, one.Certificates = of.fields, of.certificates
		}
		s.Rules = append(s.Rules, one)
	}
	return s
}

// idle says which of the operator's rules decide about nothing, a line each.
func (t *auditTally) idle() []string {
	var lines []string
	for _, rule := range t.summary().Rules {
		if rule.Fields == 0 {
			lines = append(lines, rule.path()+" matches nothing: nobody but certshim holds such a field of what was audited")
		}
	}
	return lines
}

// entryOf is the value of a key, made if there is none.
func entryOf[K comparable, V any](all map[K]*V, key K) *V {
	if all[key] == nil {
		all[key] = new(V)
	}
	return all[key]
}
