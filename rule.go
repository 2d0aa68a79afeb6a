package certshim

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/resolver"
)

// Rule is what the operator decides for some of the sources. The first rule that matches a
// source counts, whole; what the source says itself wins over its issuer and values.
type Rule struct {
	// Name stands in problems and reports.
	Name string
	// Namespaces, Selector of a namespace's labels, Kinds of sources, HostSuffixes, under which
	// all hosts of a source are, and Issuers, one of which it has without any rule; one without
	// a name is any of its kind. Each matches all where it is empty. A kind is written alone,
	// or as Kind.group.
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
	// empty is none. A URI is allowed by its host and an e-mail address by its domain, unless
	// AllowedURIs or AllowedEmails say which are.
	AllowedIssuers []resolver.Ref
	AllowedHosts   []string
	AllowedURIs    []string
	AllowedEmails  []string
}

// ReadsNamespaces says whether decisions need Namespaces: a rule goes by their labels, or
// their annotations name default issuers.
func (p *Policy) ReadsNamespaces() bool {
	return p.NamespaceDefaults || slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Selector != nil })
}

func (r Rule) limits() bool {
	return r.AllowedIssuers != nil || r.AllowedHosts != nil || r.AllowedURIs != nil || r.AllowedEmails != nil
}

// defaultIssuer is the one of a rule, which may be nil; its name is empty where there is none.
func (r *Rule) defaultIssuer() resolver.Defaults {
	if r == nil {
		return resolver.Defaults{}
	}
	return resolver.Defaults{Name: r.Issuer.Name, Kind: r.Issuer.Kind, Group: r.Issuer.Group}
}

// allowsIssuer says whether a rule lets its sources use an issuer.
func (r *Rule) allowsIssuer(issuer resolver.Ref) bool {
	return r.AllowedIssuers == nil || slices.Contains(r.AllowedIssuers, issuer)
}

// outside is a host that is under none of the suffixes, or "".
func outside(hosts, suffixes []string) string {
	for _, host := range hosts {
		if !slices.ContainsFunc(suffixes, func(suffix string) bool { return under(host, suffix) }) {
			return host
		}
	}
	return ""
}

// under says whether a host is a domain or below it; a wildcard is below its domain. Nothing is
// below an IP address, and an IP address below nothing.
func under(host, domain string) bool {
	if names.IsIP(host) || names.IsIP(domain) {
		return names.IP(host) == names.IP(domain)
	}
	host, domain = names.DNS(host), names.DNS(strings.TrimPrefix(domain, "."))
	return host == domain || strings.HasSuffix(host, "."+domain)
}
