package resolver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

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

// CertificateSpec is the spec of a Certificate, by the names of the CRD.
type CertificateSpec map[string]any

// UnmarshalYAML keeps the type to the outermost mapping.
func (c *CertificateSpec) UnmarshalYAML(node *yaml.Node) error {
	return node.Decode((*map[string]any)(c))
}

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

func (c Case) faults() faults {
	var all faults
	if c.Name == "" {
		all.add("", errors.New("it has no name"))
	}
	if wants := []string{string(Ready), string(NotReady), unknownReady}; c.Want.Ready != "" && !slices.Contains(wants, c.Want.Ready) {
		all.add("want.ready", fmt.Errorf("%s is none of \"True\", \"False\", \"Unknown\"", problem.Quote(c.Want.Ready)))
	}
	for path, rules := range map[string][]string{"want.warns": c.Want.Warns, "want.refuses": c.Want.Refuses} {
		for i, rule := range rules {
			if !slices.Contains(ruleNames(), rule) {
				all.add(fmt.Sprintf("%s[%d]", path, i), noneOf(rule, ruleNames()))
			}
		}
	}
	return all
}

// Outcome is what a case gave.
type Outcome struct {
	Case string
	// Faults say how it differs from what is wanted; empty for one that passed.
	Faults []string
}

// RunCases runs the entry's own cases, and says at the end which it lacks: one ready issuer,
// one that isn't, and one for each rule.
func (e Entry) RunCases() ([]Outcome, error) {
	p, err := e.program()
	if err != nil {
		return nil, err
	}
	var outcomes []Outcome
	for _, c := range e.Cases {
		outcomes = append(outcomes, Outcome{Case: c.Name, Faults: c.run(p, e.Readiness)})
	}
	return append(outcomes, e.lacks()...), nil
}

func (c Case) run(p *program, readiness ReadinessRule) []string {
	seen := p.read(normal(c.Object))
	said := p.said[seen.Variant]
	var faults []string
	differs := func(what, got, want, why string) {
		if got != want {
			faults = append(faults, fmt.Sprintf("%s is %s, want %s%s", what, orElse(got, "none"), orElse(want, "none"), why))
		}
	}
	if c.Want.Ready != "" {
		differs("ready", orElse(string(seen.Ready), unknownReady), c.Want.Ready, readiness.why(seen))
	}
	if c.Want.Reason != nil {
		differs("reason", seen.Reason, *c.Want.Reason, "")
	}
	if c.Want.Recommend != nil {
		differs("recommend", said.recommend.text(), c.Want.Recommend.text(), "")
	}
	if c.Want.Defaults != nil {
		differs("defaults", said.defaults.text(), c.Want.Defaults.text(), "")
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
	differs("warns", sortedRules(warns), sortedRules(c.Want.Warns), "")
	differs("refuses", sortedRules(refuses), sortedRules(c.Want.Refuses), "")
	return faults
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
		return "; it says " + problem.Quote(seen.Message)
	case r.CEL == nil && seen.Ready == ReadyUnknown:
		return fmt.Sprintf("; the object has no current item of status.conditions whose type is %q and whose status is text, such as \"False\"", r.conditionType())
	}
	return ""
}

func (r ReadinessRule) conditionType() string {
	if r.Condition == nil {
		return ConditionRule{}.filled().Type
	}
	return r.Condition.filled().Type
}

// lacks says which cases are missing, each as a failed one.
func (e Entry) lacks() []Outcome {
	var missing []Outcome
	lack := func(what string, there bool) {
		if !there {
			missing = append(missing, Outcome{Case: "a test is missing", Faults: []string{what}})
		}
	}
	has := func(fits func(Case) bool) bool { return slices.ContainsFunc(e.Cases, fits) }
	lack("one of a ready issuer, with want.ready \"True\"", has(func(c Case) bool { return c.Want.Ready == string(Ready) }))
	lack("one of an issuer that isn't ready, with want.ready \"False\"", e.Readiness.Exists || has(func(c Case) bool {
		return c.Want.Ready == string(NotReady)
	}))
	for _, rule := range e.rules() {
		lack("one of a Certificate that breaks the rule "+rule+", named in want.warns or want.refuses", has(func(c Case) bool {
			return slices.Contains(c.Want.Warns, rule) || slices.Contains(c.Want.Refuses, rule)
		}))
	}
	return missing
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
