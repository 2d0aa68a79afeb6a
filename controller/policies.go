package controller

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/resolver"
)

// PolicySettings is a rule for some of the sources: the first that matches counts, whole.
type PolicySettings struct {
	// Name is unique, and stands in problems and reports.
	Name string `yaml:"name"`
	// Namespaces by name, and NamespaceSelector of their labels, as kubectl's -l takes it;
	// Kinds of sources; HostSuffixes: domains at or under which all hosts of a source are.
	Namespaces        []string `yaml:"namespaces,omitempty"`
	NamespaceSelector string   `yaml:"namespaceSelector,omitempty"`
	Kinds             []string `yaml:"kinds,omitempty"`
	HostSuffixes      []string `yaml:"hostSuffixes,omitempty"`

	// Issuer of sources that ask for a certificate and name none.
	Issuer DefaultIssuer `yaml:"issuer,omitempty"`
	// Values of new Certificates for what their source doesn't say.
	Values resolver.Values `yaml:"values,omitempty"`
	// AllowedIssuers and AllowedHosts limit what sources may ask for, where they are given.
	AllowedIssuers []DefaultIssuer `yaml:"allowedIssuers,omitempty"`
	AllowedHosts   []string        `yaml:"allowedHosts,omitempty"`
}

// Rules are the policies as decisions follow them. An error names the policy and its field.
func (c Configuration) Rules() ([]certshim.Rule, error) {
	var rules []certshim.Rule
	var errs []error
	names := map[string]bool{}
	for i, settings := range c.Policies {
		rule, err := settings.rule()
		switch {
		case settings.Name == "":
			errs = append(errs, fmt.Errorf("policies[%d].name is empty, must be a name", i))
		case names[settings.Name]:
			errs = append(errs, fmt.Errorf("policies[%d].name is %q, as that of another policy", i, settings.Name))
		case err != nil:
			errs = append(errs, fmt.Errorf("policies[%d] (%s): %w", i, settings.Name, err))
		}
		names[settings.Name] = true
		rules = append(rules, rule)
	}
	return rules, errors.Join(errs...)
}

func (p PolicySettings) rule() (certshim.Rule, error) {
	rule := certshim.Rule{
		Name: p.Name, Namespaces: p.Namespaces, Kinds: p.Kinds, HostSuffixes: p.HostSuffixes,
		Values: p.Values, AllowedHosts: p.AllowedHosts,
	}
	var errs []error
	if p.NamespaceSelector != "" {
		selector, err := labels.Parse(p.NamespaceSelector)
		if err != nil {
			errs = append(errs, fmt.Errorf("namespaceSelector is %q: %w", p.NamespaceSelector, err))
		}
		rule.Selector = selector
	}
	if err := (resolver.Statement{Values: p.Values}).Check(resolver.Grant{Values: resolver.ValueFields()}); err != nil {
		errs = append(errs, fmt.Errorf("values: %w", err))
	}
	if p.Issuer != (DefaultIssuer{}) {
		rule.Issuer = p.Issuer.reference()
		if rule.Issuer.Name == "" {
			errs = append(errs, errors.New("issuer.name is empty"))
		}
	}
	for i, allowed := range p.AllowedIssuers {
		if allowed.Name == "" {
			errs = append(errs, fmt.Errorf("allowedIssuers[%d].name is empty", i))
		}
		rule.AllowedIssuers = append(rule.AllowedIssuers, allowed.reference())
	}
	return rule, errors.Join(errs...)
}

// reference fills in cert-manager's defaults.
func (d DefaultIssuer) reference() resolver.Ref {
	ref := resolver.Ref{Name: d.Name, Kind: d.Kind, Group: d.Group}
	if ref.Kind == "" {
		ref.Kind = resolver.IssuerKind
	}
	if ref.Group == "" {
		ref.Group = resolver.CertManagerGroup
	}
	return ref
}
