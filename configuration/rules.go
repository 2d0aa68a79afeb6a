package configuration

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// Rule is a rule for some of the sources: the first that matches counts, whole.
type Rule struct {
	// Name is unique, and stands in problems and reports.
	Name string `yaml:"name"`
	// Namespaces by name, and NamespaceSelector of their labels, as kubectl's -l takes it;
	// Kinds of sources; HostSuffixes: domains at or under which all hosts of a source are;
	// Issuers, one of which the source names or has by its Namespace or the cluster's default:
	// without a name all of their kind.
	Namespaces        []string `yaml:"namespaces,omitempty"`
	NamespaceSelector string   `yaml:"namespaceSelector,omitempty"`
	Kinds             []string `yaml:"kinds,omitempty"`
	HostSuffixes      []string `yaml:"hostSuffixes,omitempty"`
	Issuers           []Issuer `yaml:"issuers,omitempty"`

	// Issuer of sources that ask for a certificate and name none.
	Issuer Issuer `yaml:"issuer,omitempty"`
	// Values of new Certificates for what their source doesn't say.
	Values RuleValues `yaml:"values,omitempty"`
	// AllowedIssuers and AllowedHosts limit what sources may ask for, where they are given: an
	// empty list allows nothing. AllowedHosts are domains, with all that is under them, and IP
	// addresses; they allow URIs by their host, and e-mail addresses by their domain, unless
	// AllowedURIs or AllowedEmails are given. AllowedURIs are URIs, with all that is below them,
	// AllowedEmails addresses, or domains as in AllowedHosts.
	AllowedIssuers []Issuer `yaml:"allowedIssuers,omitempty"`
	AllowedHosts   []string `yaml:"allowedHosts,omitempty"`
	AllowedURIs    []string `yaml:"allowedURIs,omitempty"`
	AllowedEmails  []string `yaml:"allowedEmails,omitempty"`
}

// RuleValues are what a resolver may set, and the subject, which none may.
type RuleValues struct {
	resolver.Values `yaml:",inline"`
	Subject         Subject `yaml:"subject,omitempty"`
}

// Subject is a subject as a Certificate has it.
type Subject struct {
	Organizations       []string `yaml:"organizations,omitempty"`
	OrganizationalUnits []string `yaml:"organizationalUnits,omitempty"`
	Countries           []string `yaml:"countries,omitempty"`
	Provinces           []string `yaml:"provinces,omitempty"`
	Localities          []string `yaml:"localities,omitempty"`
	PostalCodes         []string `yaml:"postalCodes,omitempty"`
	StreetAddresses     []string `yaml:"streetAddresses,omitempty"`
	SerialNumber        string   `yaml:"serialNumber,omitempty"`
}

// rules are the policies as decisions follow them, and what is wrong with them, at paths such as
// policies[0].name.
func (c Configuration) rules() ([]certshim.Rule, declaration.Mistakes) {
	var (
		rules []certshim.Rule
		all   declaration.Mistakes
	)
	names := map[string]bool{}
	for i, settings := range c.Policies {
		rule, wrong := settings.rule()
		at := fmt.Sprintf("policies[%d]", i)
		all.AddUnder(at, wrong)
		all.Addf(settings.Name != "" && names[settings.Name], at+".name", "%s is the name of another policy, too", problem.Quote(settings.Name))
		names[settings.Name] = true
		rules = append(rules, rule)
	}
	return rules, all
}

func (r Rule) rule() (certshim.Rule, declaration.Mistakes) {
	rule := certshim.Rule{
		Name: r.Name, Namespaces: r.Namespaces, Kinds: r.Kinds, HostSuffixes: r.HostSuffixes,
		Issuers: references(r.Issuers), AllowedIssuers: references(r.AllowedIssuers),
		Values: r.Values.Values, Subject: annotations.Subject(r.Values.Subject),
		AllowedHosts: r.AllowedHosts, AllowedURIs: r.AllowedURIs, AllowedEmails: r.AllowedEmails,
	}
	all := r.mistakes()
	if r.NamespaceSelector != "" {
		selector, err := labels.Parse(r.NamespaceSelector)
		all.Addf(err != nil, "namespaceSelector", "%s is no label selector, as kubectl's -l takes it: %w", problem.Quote(r.NamespaceSelector), err)
		rule.Selector = selector
	}
	if r.Issuer != (Issuer{}) {
		rule.Issuer = r.Issuer.reference()
		all.Addf(rule.Issuer.Name == "", "issuer.name", empty)
	}
	return rule, all
}

// empty is what is wrong with a name that isn't there.
const empty = "it is empty, must be a name"

func (r Rule) mistakes() declaration.Mistakes {
	var all declaration.Mistakes
	all.Addf(r.Name == "", "name", empty)
	all.AddUnder("namespaces", checkNamespaces(r.Namespaces))
	all.AddUnder("hostSuffixes", checkDomains(r.HostSuffixes))
	all.AddUnder("allowedHosts", checkDomains(r.AllowedHosts))
	all.AddUnder("allowedURIs", checkURIs(r.AllowedURIs))
	all.AddUnder("allowedEmails", checkEmails(r.AllowedEmails))
	all.AddEach("", resolver.Statement{Values: r.Values.Values}.Check(resolver.Grant{Values: resolver.ValueFields()}))
	for i, allowed := range r.AllowedIssuers {
		all.Addf(allowed.Name == "", fmt.Sprintf("allowedIssuers[%d].name", i), empty)
	}
	return all
}

// checkDomains wants what hosts can be under: a name, or an IP address, which is a host.
func checkDomains(domains []string) declaration.Mistakes {
	var all declaration.Mistakes
	for i, domain := range domains {
		all.Addf(!isDomain(domain), fmt.Sprintf("[%d]", i),
			"%s, must be a domain such as example.com, which stands for all that is under it, too", problem.Quote(domain))
	}
	return all
}

func isDomain(domain string) bool {
	bare := strings.TrimPrefix(domain, ".")
	return len(validation.IsDNS1123Subdomain(strings.ToLower(bare))) == 0 || net.ParseIP(bare) != nil
}

// checkURIs wants URIs that others can be below.
func checkURIs(uris []string) declaration.Mistakes {
	var all declaration.Mistakes
	for i, uri := range uris {
		parsed, err := url.Parse(uri)
		bad := err != nil || !parsed.IsAbs() || parsed.Host == "" && parsed.Opaque == "" || parsed.RawQuery != "" || parsed.Fragment != "" ||
			strings.ContainsAny(uri, "*\\ ")
		all.Addf(bad, fmt.Sprintf("[%d]", i),
			"%s, must be a URI such as spiffe://example.com/ns/shop, which stands for all that is below it, too", problem.Quote(uri))
	}
	return all
}

// checkEmails wants addresses, or domains of such.
func checkEmails(emails []string) declaration.Mistakes {
	var all declaration.Mistakes
	for i, email := range emails {
		local, domain := "x", email
		if at := strings.LastIndexByte(email, '@'); at >= 0 {
			local, domain = email[:at], email[at+1:]
		}
		all.Addf(local == "" || strings.ContainsAny(local, "* ") || !isDomain(domain), fmt.Sprintf("[%d]", i),
			"%s, must be an address such as web@example.com, or a domain such as example.com, which stands for all that is under it, too", problem.Quote(email))
	}
	return all
}

// references keeps an empty list, which means none, apart from one that isn't given.
func references(issuers []Issuer) []resolver.Ref {
	if issuers == nil {
		return nil
	}
	refs := make([]resolver.Ref, len(issuers))
	for i, issuer := range issuers {
		refs[i] = issuer.reference()
	}
	return refs
}

// reference fills in cert-manager's defaults.
func (i Issuer) reference() resolver.Ref {
	return resolver.Ref{Name: i.Name, Kind: cmp.Or(i.Kind, resolver.IssuerKind), Group: cmp.Or(i.Group, resolver.CertManagerGroup)}
}
