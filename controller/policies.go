package controller

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// PolicySettings is a rule for some of the sources: the first that matches counts, whole.
type PolicySettings struct {
	// Name is unique, and stands in problems and reports.
	Name string `yaml:"name"`
	// Namespaces by name, and NamespaceSelector of their labels, as kubectl's -l takes it;
	// Kinds of sources; HostSuffixes: domains at or under which all hosts of a source are;
	// Issuers, one of which the source names or has by its Namespace or the cluster's default:
	// without a name all of their kind.
	Namespaces        []string        `yaml:"namespaces,omitempty"`
	NamespaceSelector string          `yaml:"namespaceSelector,omitempty"`
	Kinds             []string        `yaml:"kinds,omitempty"`
	HostSuffixes      []string        `yaml:"hostSuffixes,omitempty"`
	Issuers           []DefaultIssuer `yaml:"issuers,omitempty"`

	// Issuer of sources that ask for a certificate and name none.
	Issuer DefaultIssuer `yaml:"issuer,omitempty"`
	// Values of new Certificates for what their source doesn't say.
	Values PolicyValues `yaml:"values,omitempty"`
	// AllowedIssuers and AllowedHosts limit what sources may ask for, where they are given: an
	// empty list allows nothing.
	AllowedIssuers []DefaultIssuer `yaml:"allowedIssuers,omitempty"`
	AllowedHosts   []string        `yaml:"allowedHosts,omitempty"`
}

// PolicyValues are what a resolver may set, and the subject, which none may.
type PolicyValues struct {
	resolver.Values `yaml:",inline"`
	Subject         SubjectSettings `yaml:"subject,omitempty"`
}

// SubjectSettings is a subject as a Certificate has it.
type SubjectSettings struct {
	Organizations       []string `yaml:"organizations,omitempty"`
	OrganizationalUnits []string `yaml:"organizationalUnits,omitempty"`
	Countries           []string `yaml:"countries,omitempty"`
	Provinces           []string `yaml:"provinces,omitempty"`
	Localities          []string `yaml:"localities,omitempty"`
	PostalCodes         []string `yaml:"postalCodes,omitempty"`
	StreetAddresses     []string `yaml:"streetAddresses,omitempty"`
	SerialNumber        string   `yaml:"serialNumber,omitempty"`
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
		Values: p.Values.Values, Subject: annotations.Subject(p.Values.Subject), AllowedHosts: p.AllowedHosts,
	}
	errs := []error{checkKinds(p.Kinds), checkDomains("hostSuffixes", p.HostSuffixes), checkDomains("allowedHosts", p.AllowedHosts)}
	if p.NamespaceSelector != "" {
		selector, err := labels.Parse(p.NamespaceSelector)
		if err != nil {
			errs = append(errs, fmt.Errorf("namespaceSelector is %q: %w", p.NamespaceSelector, err))
		}
		rule.Selector = selector
	}
	if err := (resolver.Statement{Values: p.Values.Values}).Check(resolver.Grant{Values: resolver.ValueFields()}); err != nil {
		errs = append(errs, err)
	}
	if p.Issuer != (DefaultIssuer{}) {
		rule.Issuer = p.Issuer.reference()
		if rule.Issuer.Name == "" {
			errs = append(errs, errors.New("issuer.name is empty"))
		}
	}
	for _, issuer := range p.Issuers {
		rule.Issuers = append(rule.Issuers, issuer.reference())
	}
	if p.AllowedIssuers != nil {
		rule.AllowedIssuers = []resolver.Ref{}
	}
	for i, allowed := range p.AllowedIssuers {
		if allowed.Name == "" {
			errs = append(errs, fmt.Errorf("allowedIssuers[%d].name is empty", i))
		}
		rule.AllowedIssuers = append(rule.AllowedIssuers, allowed.reference())
	}
	return rule, errors.Join(errs...)
}

func checkKinds(kinds []string) error {
	var known []string
	for _, kind := range source.Kinds() {
		known = append(known, kind.GroupVersionKind().Kind)
	}
	var errs []error
	for i, kind := range kinds {
		if !slices.Contains(known, kind) {
			errs = append(errs, fmt.Errorf("kinds[%d] is %q, must be one of %s", i, kind, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

// checkDomains wants what hosts can be under: a name, or an IP address, which is a host.
func checkDomains(field string, domains []string) error {
	var errs []error
	for i, domain := range domains {
		bare := strings.TrimPrefix(domain, ".")
		if len(validation.IsDNS1123Subdomain(strings.ToLower(bare))) > 0 && net.ParseIP(bare) == nil {
			errs = append(errs, fmt.Errorf("%s[%d] is %q, must be a domain such as example.com, which stands for all that is under it, too", field, i, domain))
		}
	}
	return errors.Join(errs...)
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
