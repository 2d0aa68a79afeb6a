package configuration

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// OwnershipRule is a rule for some fields and some of their holders. What is left out matches
// everything.
type OwnershipRule struct {
	// Managers are field managers, or beginnings of their names that end in *; Operations are Apply
	// and Update; Fields are fields with all that is in them, such as spec.subject or
	// metadata.labels[team].
	Managers   []string `yaml:"managers,omitempty"`
	Operations []string `yaml:"operations,omitempty"`
	Fields     []string `yaml:"fields,omitempty"`
	// Then is force, yield or fail.
	Then string `yaml:"then"`
}

// ownership is what decisions follow, and what is wrong with it, at paths such as rules[0].then.
func (o Ownership) ownership() (certificate.Ownership, declaration.Mistakes) {
	var (
		out = certificate.Ownership{RespectRemovals: o.RemovedByHand == RespectRemoved}
		all declaration.Mistakes
	)
	for i, settings := range o.Rules {
		rule, wrong := settings.rule()
		all.AddUnder(fmt.Sprintf("rules[%d]", i), wrong)
		out.Rules = append(out.Rules, rule)
	}
	for i, choice := range o.SourcesMay {
		all.Add(fmt.Sprintf("sourcesMay[%d]", i), checkThen(choice))
		out.SourcesMay = append(out.SourcesMay, certificate.Then(choice))
	}
	if choices := []Removal{RestoreRemoved, RespectRemoved}; !slices.Contains(choices, o.RemovedByHand) {
		all.Add("removedByHand", declaration.NoneOf(o.RemovedByHand, choices))
	}
	if choices := []Reports{NoReports, AutoReports, OpenReports, PolicyReports}; !slices.Contains(choices, o.Reports) {
		all.Add("reports", declaration.NoneOf(o.Reports, choices))
	}
	return out, all
}

func (r OwnershipRule) rule() (certificate.OwnershipRule, declaration.Mistakes) {
	var all declaration.Mistakes
	for i, manager := range r.Managers {
		begin := strings.TrimSuffix(manager, "*")
		all.Addf(manager == "", fmt.Sprintf("managers[%d]", i), empty)
		all.Addf(strings.Contains(begin, "*"), fmt.Sprintf("managers[%d]", i), "%s, a * stands at the end alone", problem.Quote(manager))
	}
	operations := []string{"Apply", "Update"}
	for i, operation := range r.Operations {
		if !slices.Contains(operations, operation) {
			all.Add(fmt.Sprintf("operations[%d]", i), declaration.NoneOf(operation, operations))
		}
	}
	var fields []certificate.FieldPrefix
	for i, text := range r.Fields {
		path, err := certificate.ParseField(text)
		if near := declaration.Nearest(text, certificate.SetFields()); err != nil && near != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, near)
		}
		all.Addf(err != nil, fmt.Sprintf("fields[%d]", i), "%s: %w", problem.Quote(text), err)
		fields = append(fields, path)
	}
	all.Add("then", checkThen(r.Then))
	return certificate.OwnershipRule{Managers: r.Managers, Operations: r.Operations, Fields: fields, Then: certificate.Then(r.Then)}, all
}

// checkThen wants one of the choices.
func checkThen(choice string) error {
	if slices.Contains(certificate.Thens(), certificate.Then(choice)) {
		return nil
	}
	return declaration.NoneOf(certificate.Then(choice), certificate.Thens())
}
