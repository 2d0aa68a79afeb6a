package resolver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// Case is a test of an issuer type: an issuer's object, a Certificate for it, and the expected
// result.
type Case struct {
	Name string `yaml:"name"`
	// Object is the issuer, or its relevant part.
	Object map[string]any `yaml:"object"`
	// Certificate is the spec of a Certificate, or its relevant part.
	Certificate CertificateSpec `yaml:"certificate"`
	Want        Want            `yaml:"want"`
}

// Title returns the name under which a run reports the case.
func (c Case) Title() string { return c.Name }

// CertificateSpec is the spec of a Certificate, with the field names of the CRD.
type CertificateSpec map[string]any

// UnmarshalYAML decodes nested mappings as plain maps.
func (c *CertificateSpec) UnmarshalYAML(node *yaml.Node) error {
	return node.Decode((*map[string]any)(c))
}

// Shape returns the known fields, so that misspelt ones are found.
func (CertificateSpec) Shape() any { return certificateShape{} }

// Want is what a case expects. Ready, Reason, Recommend and Defaults are compared if set; the
// broken rules must be listed completely.
type Want struct {
	// Ready is "True", "False" or "Unknown".
	Ready  string  `yaml:"ready"`
	Reason *string `yaml:"reason"`
	// Warns and Refuses are the names of the rules that the Certificate breaks.
	Warns     []string `yaml:"warns"`
	Refuses   []string `yaml:"refuses"`
	Recommend *Values  `yaml:"recommend"`
	Defaults  *Values  `yaml:"defaults"`
	// ProvesByRoute is compared if set.
	ProvesByRoute *bool `yaml:"provesByRoute"`
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

// RunCases runs the type's own cases and reports missing ones: it needs one ready issuer, one
// that isn't, and one for each rule. A case fails if the context ends.
func (t IssuerType) RunCases(ctx context.Context) ([]declaration.CaseResult, error) {
	p, err := t.program()
	if err != nil {
		return nil, err
	}
	run := func(c Case, comparison *declaration.Comparison) {
		seen := p.read(ctx, declaration.AsJSON(c.Object))
		c.compareReadiness(comparison, seen, t.Readiness.why(seen))
		if want := c.Want.ProvesByRoute; want != nil {
			comparison.Compare("provesByRoute", strconv.FormatBool(seen.ProvesByRoute), strconv.FormatBool(*want), "")
		}
		c.compareRules(comparison, p.profiles[seen.Variant])
	}
	return declaration.RunCases(t.Cases, run, t.needs()), nil
}

func (c Case) compareReadiness(comparison *declaration.Comparison, seen Seen, why string) {
	if c.Want.Ready != "" {
		comparison.Compare("ready", cmp.Or(string(seen.Ready), unknownReady), c.Want.Ready, why)
	}
	if c.Want.Reason != nil {
		comparison.Compare("reason", seen.Reason, *c.Want.Reason, "")
	}
}

func (c Case) compareRules(comparison *declaration.Comparison, profile profile) {
	if c.Want.Recommend != nil {
		comparison.Compare("recommend", profile.recommend.text(), c.Want.Recommend.text(), "")
	}
	if c.Want.Defaults != nil {
		comparison.Compare("defaults", profile.defaults.text(), c.Want.Defaults.text(), "")
	}
	var warns, refuses []string
	if c.Certificate != nil {
		for _, violation := range profile.constraints.Violations(FactsOf(declaration.AsJSON(c.Certificate))) {
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

// sortedRules names each rule once: it may be broken in several ways.
func sortedRules(rules []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(rules))), ", ")
}

// why explains to the author of a case why an issuer isn't known to be ready.
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

// needs returns the cases that the type must have.
func (t IssuerType) needs() []declaration.Need[Case] {
	needs := []declaration.Need[Case]{{
		Case: `one of a ready issuer, with want.ready "True"`,
		Met:  func(c Case) bool { return c.Want.Ready == string(Ready) },
	}}
	if !t.Readiness.Exists {
		needs = append(needs, declaration.Need[Case]{
			Case: `one of an issuer that isn't ready, with want.ready "False"`,
			Met:  func(c Case) bool { return c.Want.Ready == string(NotReady) },
		})
	}
	if t.ProvesByRoute != "" {
		needs = append(needs, declaration.Need[Case]{
			Case: "one of an issuer with want.provesByRoute true",
			Met:  func(c Case) bool { return c.Want.ProvesByRoute != nil && *c.Want.ProvesByRoute },
		})
	}
	for _, rule := range t.breakable() {
		needs = append(needs, declaration.Need[Case]{
			Case: "one of a Certificate that breaks the rule " + rule + ", named in want.warns or want.refuses",
			Met:  func(c Case) bool { return slices.Contains(c.Want.Warns, rule) || slices.Contains(c.Want.Refuses, rule) },
		})
	}
	return needs
}

// rules returns the names of the rules that the type or one of its variants has.
func (t IssuerType) rules() []string {
	return t.rulesWith(func(Constraints, string) bool { return true })
}

// breakable returns those of the rules that a Certificate can break.
func (t IssuerType) breakable() []string { return t.rulesWith(Constraints.limits) }

func (t IssuerType) rulesWith(property func(c Constraints, name string) bool) []string {
	all := []Constraints{t.Constraints}
	for _, variant := range t.Variants {
		all = append(all, variant.Constraints)
	}
	return slices.DeleteFunc(ruleNames(), func(name string) bool {
		return !slices.ContainsFunc(all, func(c Constraints) bool { return slices.Contains(c.names(), name) && property(c, name) })
	})
}

// limits reports whether a rule demands something: one may also say that all is well.
func (c Constraints) limits(name string) bool {
	switch name {
	case ruleWildcards:
		return !c.Wildcards.Allowed
	case ruleUsages:
		return c.Usages.Allowed != nil || c.Usages.Ignored || !c.Usages.saysWhatComesBack()
	case ruleCA:
		return !c.CA.Allowed
	case ruleSecret:
		return c.Secret.MustExist
	}
	return true
}
