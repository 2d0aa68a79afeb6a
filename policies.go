package certshim

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// Rule is what the operator decides for some of the sources. The first rule that matches a
// source counts, whole; what the source says itself wins over its issuer and values.
type Rule struct {
	// Name stands in problems and reports.
	Name string
	// Namespaces, Selector of a namespace's labels, Kinds of sources, and HostSuffixes, under
	// which all hosts of a source are: each matches all where it is empty.
	Namespaces   []string
	Selector     labels.Selector
	Kinds        []string
	HostSuffixes []string

	// Issuer of sources that ask for a certificate and name none; none if its name is empty.
	Issuer resolver.Ref
	// Values of new Certificates for what their source doesn't say.
	Values resolver.Values
	// AllowedIssuers and AllowedHosts, suffixes, limit what sources may ask for; nil is all.
	AllowedIssuers []resolver.Ref
	AllowedHosts   []string
}

// ReadsNamespaces says whether decisions need Namespaces: a rule goes by their labels, or
// their annotations name default issuers.
func (p *Policy) ReadsNamespaces() bool {
	return p.NamespaceDefaults || slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Selector != nil })
}

// match finds the rule of the source. Where a rule goes by labels that can't be read, none
// can be known.
func (d *decision) match() {
	for i := range d.policy.Rules {
		rule := &d.policy.Rules[i]
		if !d.fits(rule) {
			continue
		}
		if rule.Selector != nil {
			set, known := d.namespaceLabels()
			if d.ruleUnknown = !known; !known {
				return
			}
			if !rule.Selector.Matches(labels.Set(set)) {
				continue
			}
		}
		d.rule, d.out.Policy = rule, rule.Name
		return
	}
}

func (d *decision) fits(rule *Rule) bool {
	return anyOr(rule.Namespaces, d.object.Namespace) && anyOr(rule.Kinds, d.object.Kind) &&
		(len(rule.HostSuffixes) == 0 || d.foreignHost(rule.HostSuffixes) == "" && len(d.asks.Asks) > 0)
}

func anyOr(list []string, item string) bool { return len(list) == 0 || slices.Contains(list, item) }

// foreignHost is a host of the source that is under none of the suffixes, or "".
func (d *decision) foreignHost(suffixes []string) string {
	for _, ask := range d.asks.Asks {
		if host := foreign(ask.Hosts, suffixes); host != "" {
			return host
		}
	}
	return ""
}

func foreign(hosts, suffixes []string) string {
	for _, host := range hosts {
		if !slices.ContainsFunc(suffixes, func(suffix string) bool { return under(host, suffix) }) {
			return host
		}
	}
	return ""
}

// under says whether a host is a domain or below it; a wildcard is below its domain.
func under(host, domain string) bool {
	host, domain = strings.ToLower(host), strings.ToLower(strings.TrimPrefix(domain, "."))
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// ruleForbids says why the source's rule doesn't let it use its issuer, or "".
func (d *decision) ruleForbids() string {
	if d.rule == nil || d.rule.AllowedIssuers == nil || slices.Contains(d.rule.AllowedIssuers, d.out.Issuer.Ref) {
		return ""
	}
	key := d.keyOf(d.out.Issuer)
	d.issuerProblem(problem.Error, problem.IssuerNotAllowed, fmt.Sprintf("the policy %s doesn't let this object use %s", d.rule.Name, said(key)))
	return "the policy " + d.rule.Name + " doesn't allow its issuer"
}

// ruleForbidsHost says why the source's rule doesn't allow a host of a Certificate, or "".
func (d *decision) ruleForbidsHost(path string, hosts []string) string {
	if d.rule == nil || d.rule.AllowedHosts == nil {
		return ""
	}
	host := foreign(hosts, d.rule.AllowedHosts)
	if host == "" {
		return ""
	}
	d.problems.Add(problem.Problem{
		Severity: problem.Error, Path: path, Value: host, Allowed: strings.Join(d.rule.AllowedHosts, ", "),
		Reason: problem.HostNotAllowed, Message: "the policy " + d.rule.Name + " doesn't allow this host here",
	})
	return "the policy " + d.rule.Name + " doesn't allow a host of it"
}

// statementFor lays the values of the source's rule over those of its issuer.
func (d *decision) statementFor(finding resolver.Finding) resolver.Statement {
	statement := finding.Statement
	if d.rule != nil {
		statement.Values = d.rule.Values.Under(statement.Values)
	}
	return statement
}

// holdsNew says whether new Certificates wait: for a resolver, or to know which rule holds.
func (d *decision) holdsNew(finding resolver.Finding) bool {
	return d.ruleUnknown || finding.Hold && finding.State == resolver.Never
}

// fallback finds what names the issuer of a source that names none itself: its rule, its
// Namespace, or at last the cluster's default. It returns why that can't be known, or "".
func (d *decision) fallback() string {
	if d.ruleUnknown && !d.request.Issuer.Named() {
		return "the labels of its namespace can't be read, and a policy goes by them"
	}
	return d.readNamespace()
}

// defaultIssuer is the one of the source's rule; its name is empty where there is none.
func (d *decision) defaultIssuer() resolver.Defaults {
	if d.rule == nil {
		return resolver.Defaults{}
	}
	issuer := d.rule.Issuer
	return resolver.Defaults{Name: issuer.Name, Kind: issuer.Kind, Group: issuer.Group}
}
