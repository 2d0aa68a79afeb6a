package certshim

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Rule is what the operator decides for some of the sources. The first rule that matches a
// source counts, whole; what the source says itself wins over its issuer and values.
type Rule struct {
	// Name stands in problems and reports.
	Name string
	// Namespaces, Selector of a namespace's labels, Kinds of sources, HostSuffixes, under which
	// all hosts of a source are, and Issuers, one of which it has without any rule; one without
	// a name is any of its kind. Each matches all where it is empty.
	Namespaces   []string
	Selector     labels.Selector
	Kinds        []string
	HostSuffixes []string
	Issuers      []resolver.Ref

	// Issuer of sources that ask for a certificate and name none; none if its name is empty.
	Issuer resolver.Ref
	// Values and Subject of new Certificates for what their source doesn't say.
	Values  resolver.Values
	Subject annotations.Subject
	// AllowedIssuers and AllowedHosts, suffixes, limit what sources may ask for; nil is all,
	// empty is none.
	AllowedIssuers []resolver.Ref
	AllowedHosts   []string
}

// ReadsNamespaces says whether decisions need Namespaces: a rule goes by their labels, or
// their annotations name default issuers.
func (p *Policy) ReadsNamespaces() bool {
	return p.NamespaceDefaults || slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Selector != nil })
}

// match finds the rule of the source. Where a rule goes by a Namespace that can't be read,
// none can be known: it may be that one or any behind it.
func (d *decision) match() {
	for i := range d.policy.Rules {
		rule := &d.policy.Rules[i]
		fits, known := d.fits(rule)
		if d.ruleUnknown = !known; !known {
			d.mayBeLimited = slices.ContainsFunc(d.policy.Rules[i:], Rule.limits)
			return
		}
		if fits {
			d.rule, d.out.Policy = rule, rule.Name
			return
		}
	}
}

// fits says whether a rule matches, and whether that can be known. What costs least, and
// needs no Namespace, is looked at first.
func (d *decision) fits(rule *Rule) (fits, known bool) {
	if !anyOr(rule.Namespaces, d.object.Namespace) || !anyOr(rule.Kinds, d.object.Kind) || !d.isUnder(rule.HostSuffixes) {
		return false, true
	}
	if rule.Selector != nil {
		set, known := d.namespaceLabels()
		if !known || !rule.Selector.Matches(labels.Set(set)) {
			return false, known
		}
	}
	return d.hasIssuer(rule.Issuers)
}

// hasIssuer says whether the issuer that the source has without any rule is one of these.
func (d *decision) hasIssuer(issuers []resolver.Ref) (has, known bool) {
	if len(issuers) == 0 {
		return true, true
	}
	if d.usual == nil {
		usual := d.name(resolver.Defaults{})
		d.usual = &usual
	}
	ref := d.usual.answer.Issuer.Ref
	return slices.ContainsFunc(issuers, func(issuer resolver.Ref) bool {
		return ref.Kind == issuer.Kind && ref.Group == issuer.Group && (ref.Name == issuer.Name || issuer.Name == "" && ref.Name != "")
	}), !d.usual.unread
}

// isUnder says whether the source has hosts, and all of them are under one of the suffixes.
func (d *decision) isUnder(suffixes []string) bool {
	if len(suffixes) == 0 {
		return true
	}
	return len(d.asks.Asks) > 0 && !slices.ContainsFunc(d.asks.Asks, func(ask source.Ask) bool {
		return foreign(ask.Hosts, suffixes) != ""
	}) && foreign(d.request.DNSNames, suffixes) == "" && foreign(d.request.IPAddresses, suffixes) == ""
}

func anyOr(list []string, item string) bool { return len(list) == 0 || slices.Contains(list, item) }

// foreign is a host that is under none of the suffixes, or "".
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

func (r Rule) limits() bool { return r.AllowedIssuers != nil || r.AllowedHosts != nil }

// ruleForbids says why the source's rule doesn't let it use its issuer, or "".
func (d *decision) ruleForbids() string {
	if d.rule == nil || d.rule.AllowedIssuers == nil || slices.Contains(d.rule.AllowedIssuers, d.out.Issuer.Ref) {
		return ""
	}
	key := d.keyOf(d.out.Issuer)
	d.issuerProblem(problem.Error, problem.IssuerNotAllowed, fmt.Sprintf("the policy %s doesn't let this object use %s", d.rule.Name, said(key)))
	return "the policy " + d.rule.Name + " doesn't allow its issuer"
}

// ruleForbidsHost says why the source's rule doesn't allow a name of a Certificate, or "":
// a host, or what annotations add as such.
func (d *decision) ruleForbidsHost(ask source.Ask) string {
	if d.rule == nil || d.rule.AllowedHosts == nil {
		return ""
	}
	request := d.request
	for _, names := range []struct {
		key   string
		names []string
	}{
		{"", ask.Hosts},
		{annotations.Prefix + "alt-names", request.DNSNames},
		{annotations.Prefix + "ip-sans", request.IPAddresses},
		{annotations.Prefix + "common-name", slices.DeleteFunc([]string{request.CommonName}, func(name string) bool { return name == "" })},
	} {
		if name := foreign(names.names, d.rule.AllowedHosts); name != "" {
			d.tellForbidden(pathOf(ask), names.key, name)
			return "the policy " + d.rule.Name + " doesn't allow a host of it"
		}
	}
	return ""
}

func (d *decision) tellForbidden(path, key, name string) {
	if key != "" {
		path = "metadata.annotations[" + key + "]"
	}
	d.problems.Add(problem.Problem{
		Severity: problem.Error, Path: path, Key: key, Value: name, Allowed: strings.Join(d.rule.AllowedHosts, ", "),
		Reason: problem.HostNotAllowed, Message: "the policy " + d.rule.Name + " doesn't allow this host here",
	})
}

// statementFor lays the values of the source's rule over those of its issuer.
func (d *decision) statementFor(finding resolver.Finding) resolver.Statement {
	statement := finding.Statement
	if d.rule != nil {
		statement.Values = d.rule.Values.Under(statement.Values)
	}
	return statement
}

// subject is that of the source's rule.
func (d *decision) subject() annotations.Subject {
	if d.rule == nil {
		return annotations.Subject{}
	}
	return d.rule.Subject
}

// holdsNew says why new Certificates wait, to know which rule holds or for a resolver, or "".
func (d *decision) holdsNew(finding resolver.Finding) string {
	switch {
	case d.ruleUnknown:
		return ruleUnread
	case finding.Hold && finding.State == resolver.Never:
		return "the resolver of its issuer has not answered yet"
	}
	return ""
}

const ruleUnread = "its Namespace can't be read, and a policy goes by it"

// defaultIssuer is the one of the source's rule; its name is empty where there is none.
func (d *decision) defaultIssuer() resolver.Defaults {
	if d.rule == nil {
		return resolver.Defaults{}
	}
	issuer := d.rule.Issuer
	return resolver.Defaults{Name: issuer.Name, Kind: issuer.Kind, Group: issuer.Group}
}
