package resolver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// Case is a test of an entry: an issuer's object, a Certificate for it, and what is said.
type Case struct {
	Name string `yaml:"name"`
	// Object of the issuer, or what matters of it.
	Object map[string]any `yaml:"object"`
	// Certificate is the spec of a Certificate, or what matters of it.
	Certificate CertificateSpec `yaml:"certificate"`
	Want        Want            `yaml:"want"`
}

// Title names the case in what its run gives.
func (c Case) Title() string { return c.Name }

// CertificateSpec is the spec of a Certificate, by the names of the CRD.
type CertificateSpec map[string]any

// UnmarshalYAML keeps the type to the outermost mapping.
func (c *CertificateSpec) UnmarshalYAML(node *yaml.Node) error {
	return node.Decode((*map[string]any)(c))
}

// Shape lets fields that a Certificate doesn't have be found.
func (CertificateSpec) Shape() any { return certificateShape{} }

// Want is what a case expects. Ready, Reason, Recommend and Defaults count where they are
// given; rules that are broken must all be named.
type Want struct {
	// Ready is "True", "False" or "Unknown".
	Ready  string  `yaml:"ready"`
	Reason *string `yaml:"reason"`
	// Warns and Refuses are the rules that the Certificate breaks, by name.
	Warns     []string `yaml:"warns"`
	Refuses   []string `yaml:"refuses"`
	Recommend *Values  `yaml:"recommend"`
	Defaults  *Values  `yaml:"defaults"`
}

const unknownReady = "Unknown"

func (c Case) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	if wants := []string{string(Ready), string(NotReady), unknownReady}; c.Want.Ready != "" && !slices.Contains(wants, c.Want.Ready) {
		all.Add("want.ready", fmt.Errorf("%s is none of \"True\", \"False\", \"Unknown\"", problem.Quote(c.Want.Ready)))
	}
	for path, rules := range map[string][]string{"want.warns": c.Want.Warns, "want.refuses": c.Want.Refuses} {
		for i, rule := range rules {
			if !slices.Contains(ruleNames(), rule) {
				all.Add(fmt.Sprintf("%s[%d]", path, i), declaration.NoneOf(rule, ruleNames()))
			}
		}
	}
	return all
}

// RunCases runs the entry's own cases, and reports those that it lacks: one ready issuer, one that
// isn't, and one for each rule. A case fails when the context ends.
func (e Entry) RunCases(ctx context.Context) ([]declaration.Outcome, error) {
	p, err := e.program()
	if err != nil {
		return nil, err
	}
	run := func(c Case, comparison *declaration.Comparison) {
		seen := p.read(ctx, normal(c.Object))
		c.compareReadiness(comparison, seen, e.Readiness.why(seen))
		c.compareRules(comparison, p.said[seen.Variant])
	}
	return declaration.RunCases(e.Cases, run, e.needs()), nil
}

func (c Case) compareReadiness(comparison *declaration.Comparison, seen Seen, why string) {
	if c.Want.Ready != "" {
		comparison.Compare("ready", orElse(string(seen.Ready), unknownReady), c.Want.Ready, why)
	}
	if c.Want.Reason != nil {
		comparison.Compare("reason", seen.Reason, *c.Want.Reason, "")
	}
}

func (c Case) compareRules(comparison *declaration.Comparison, said said) {
	if c.Want.Recommend != nil {
		comparison.Compare("recommend", said.recommend.text(), c.Want.Recommend.text(), "")
	}
	if c.Want.Defaults != nil {
		comparison.Compare("defaults", said.defaults.text(), c.Want.Defaults.text(), "")
	}
	var warns, refuses []string
	if c.Certificate != nil {
		for _, violation := range said.constraints.Violations(FactsOf(normal(c.Certificate))) {
			if violation.Verdict == Refuse {
				refuses = append(refuses, violation.Rule)
			} else {
				warns = append(warns, violation.Rule)
			}
		}
	}
	comparison.Compare("warns", sortedRules(warns), sortedRules(c.Want.Warns), "")
	comparison.Compare("refuses", sortedRules(refuses), sortedRules(c.Want.Refuses), "")
}

func sortedRules(rules []string) string {
	return strings.Join(slices.Sorted(slices.Values(rules)), ", ")
}

// why says why an issuer isn't known to be ready, for the author of the test.
func (r ReadinessRule) why(seen Seen) string {
	switch {
	case seen.Ready == Ready:
		return ""
	case seen.Message != "":
		return "it says " + problem.Quote(seen.Message)
	case r.CEL == nil && seen.Ready == ReadyUnknown:
		return fmt.Sprintf("the object has no current item of status.conditions whose type is %q and whose status is text, such as \"False\"", r.conditionType())
	}
	return ""
}

func (r ReadinessRule) conditionType() string {
	if r.Condition == nil {
		return ConditionRule{}.filled().Type
	}
	return r.Condition.filled().Type
}

// needs are the cases that the entry must have.
func (e Entry) needs() []declaration.Need[Case] {
	needs := []declaration.Need[Case]{{
		Case: `one of a ready issuer, with want.ready "True"`,
		Met:  func(c Case) bool { return c.Want.Ready == string(Ready) },
	}}
	if !e.Readiness.Exists {
		needs = append(needs, declaration.Need[Case]{
			Case: `one of an issuer that isn't ready, with want.ready "False"`,
			Met:  func(c Case) bool { return c.Want.Ready == string(NotReady) },
		})
	}
	for _, rule := range e.rules() {
		needs = append(needs, declaration.Need[Case]{
			Case: "one of a Certificate that breaks the rule " + rule + ", named in want.warns or want.refuses",
			Met:  func(c Case) bool { return slices.Contains(c.Want.Warns, rule) || slices.Contains(c.Want.Refuses, rule) },
		})
	}
	return needs
}

// rules are the names of the rules that the entry or one of its variants has, but for those
// that demand nothing.
func (e Entry) rules() []string {
	all := []Constraints{e.Constraints}
	for _, variant := range e.Variants {
		all = append(all, variant.Constraints)
	}
	return slices.DeleteFunc(ruleNames(), func(name string) bool {
		return !slices.ContainsFunc(all, func(c Constraints) bool { return slices.Contains(c.names(), name) })
	})
}

// normal gives numbers of a YAML file the types of a decoded JSON object.
func normal(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		out[name] = normalValue(value)
	}
	return out
}

func normalValue(value any) any {
	switch v := value.(type) {
	case int:
		return int64(v)
	case map[string]any:
		return normal(v)
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = normalValue(v[i])
		}
		return items
	}
	return value
}
