package resolver

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Case is a test of an entry: an issuer's object, a Certificate for it, and what is said.
type Case struct {
	Name string `yaml:"name"`
	// Object of the issuer, or what matters of it.
	Object map[string]any `yaml:"object"`
	// Certificate is the spec of a Certificate, or what matters of it.
	Certificate map[string]any `yaml:"certificate"`
	Want        Want           `yaml:"want"`
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

func (c Case) check() error {
	if c.Name == "" {
		return errors.New("it has no name")
	}
	if !slices.Contains([]string{"", string(Ready), string(NotReady), unknownReady}, c.Want.Ready) {
		return fmt.Errorf("want.ready is %q, must be \"True\", \"False\" or \"Unknown\"", c.Want.Ready)
	}
	for _, rule := range slices.Concat(c.Want.Warns, c.Want.Refuses) {
		if !slices.Contains(ruleNames(), rule) {
			return fmt.Errorf("%q is no rule", rule)
		}
	}
	return nil
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
		outcomes = append(outcomes, Outcome{Case: c.Name, Faults: c.run(p)})
	}
	return append(outcomes, e.lacks()...), nil
}

func (c Case) run(p *program) []string {
	seen := p.read(normal(c.Object))
	said := p.said[seen.Variant]
	var faults []string
	differs := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			faults = append(faults, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	if c.Want.Ready != "" {
		differs("ready", orElse(string(seen.Ready), unknownReady), c.Want.Ready)
	}
	if c.Want.Reason != nil {
		differs("reason", seen.Reason, *c.Want.Reason)
	}
	if c.Want.Recommend != nil {
		differs("recommend", said.recommend.Values, *c.Want.Recommend)
	}
	if c.Want.Defaults != nil {
		differs("defaults", said.defaults, *c.Want.Defaults)
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
	differs("warns", sortedRules(warns), sortedRules(c.Want.Warns))
	differs("refuses", sortedRules(refuses), sortedRules(c.Want.Refuses))
	return faults
}

func sortedRules(rules []string) []string {
	out := append([]string{}, rules...)
	slices.Sort(out)
	return out
}

// lacks says which cases are missing, each as a failed one.
func (e Entry) lacks() []Outcome {
	var missing []Outcome
	lack := func(what string, there bool) {
		if !there {
			missing = append(missing, Outcome{Case: "(none)", Faults: []string{"there is no case of " + what}})
		}
	}
	has := func(fits func(Case) bool) bool { return slices.ContainsFunc(e.Cases, fits) }
	lack("a ready issuer", has(func(c Case) bool { return c.Want.Ready == string(Ready) }))
	lack("an issuer that isn't ready", e.Readiness.Exists || has(func(c Case) bool {
		return c.Want.Ready == string(NotReady) || c.Want.Ready == unknownReady
	}))
	for _, rule := range e.rules() {
		lack("a Certificate that breaks the rule "+rule, has(func(c Case) bool {
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
