package certshim

import (
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// limit is a rule that limits a source.
type limit struct {
	*Rule
	// inPart is set if the rule is for only some of the source's names. Then its limits apply, but
	// not its values or its default issuer.
	inPart bool
}

// limits are all rules that limit a source. What it asks for has to be allowed by each.
type limits []limit

// text names the rule in a sentence.
func (l limit) text() string {
	if l.inPart {
		return "the policy " + l.Name + ", which is for some of its names,"
	}
	return "the policy " + l.Name
}

// forbidsIssuer is the first rule that doesn't let its sources use an issuer.
func (all limits) forbidsIssuer(issuer resolver.Ref) (limit, bool) {
	i := slices.IndexFunc(all, func(l limit) bool { return !l.allowsIssuer(issuer) })
	if i < 0 {
		return limit{}, false
	}
	return all[i], true
}

// forbidsName returns the first name that a rule doesn't allow, and the rule.
func (all limits) forbidsName(asked []askedName) (askedName, limit, bool) {
	for _, l := range all {
		if i := slices.IndexFunc(asked, func(n askedName) bool { return !l.allowsName(n) }); i >= 0 {
			return asked[i], l, true
		}
	}
	return askedName{}, limit{}, false
}

// allowsName reports whether the rule allows a name. AllowedHosts allow no name without a host, such
// as the URI urn:x.
func (r *Rule) allowsName(n askedName) bool {
	switch {
	case n.kind == uriName && r.AllowedURIs != nil:
		return slices.ContainsFunc(r.AllowedURIs, func(allowed string) bool { return coversURI(allowed, n.value) })
	case n.kind == emailName && r.AllowedEmails != nil:
		return slices.ContainsFunc(r.AllowedEmails, func(allowed string) bool { return coversEmail(allowed, n.value) })
	case r.AllowedHosts == nil:
		return true
	}
	return n.isUnder(r.AllowedHosts)
}

// allowed is what the rule allows in place of a name, in words.
func (r *Rule) allowed(n askedName) string {
	list := r.AllowedHosts
	switch {
	case n.kind == uriName && r.AllowedURIs != nil:
		list = r.AllowedURIs
	case n.kind == emailName && r.AllowedEmails != nil:
		list = r.AllowedEmails
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// nameKind says how a name is to be read.
type nameKind int

const (
	hostName nameKind = iota
	uriName
	emailName
)

func (k nameKind) text() string {
	return [...]string{hostName: "host", uriName: "URI", emailName: "e-mail address"}[k]
}

// askedName is a name that a Certificate is to have. key is the annotation that asks for it, ""
// for a host of an entry.
type askedName struct {
	kind       nameKind
	value, key string
}

// text is what the name is, in words.
func (n askedName) text() string {
	if n.key == annotations.Prefix+"common-name" {
		return "common name"
	}
	return n.kind.text()
}

// host is the host that a name is of, or "" if there is none.
func (n askedName) host() string {
	host := n.value
	switch n.kind {
	case hostName:
	case uriName:
		host = hostOfURI(n.value)
	case emailName:
		host = n.value[strings.LastIndexByte(n.value, '@')+1:]
	}
	if !isHost(host) {
		return ""
	}
	return host
}

// isUnder says whether the name is of a host under one of the suffixes.
func (n askedName) isUnder(suffixes []string) bool {
	host := n.host()
	return host != "" && outside([]string{host}, suffixes) == ""
}

// namesIn are the names that an entry and the annotations ask for.
func namesIn(ask source.Ask, request annotations.Request) []askedName {
	var asked []askedName
	add := func(kind nameKind, key string, values []string) {
		for _, value := range values {
			asked = append(asked, askedName{kind: kind, value: value, key: key})
		}
	}
	add(hostName, "", ask.Hosts)
	add(hostName, annotations.Prefix+"alt-names", request.DNSNames)
	add(hostName, annotations.Prefix+"ip-sans", request.IPAddresses)
	if request.CommonName != "" {
		add(kindOf(request.CommonName), annotations.Prefix+"common-name", []string{request.CommonName})
	}
	add(uriName, annotations.Prefix+"uri-sans", request.URIs)
	add(emailName, annotations.Prefix+"email-sans", request.EmailAddresses)
	return asked
}

// namesOf are the names in the spec of a Certificate.
func namesOf(spec map[string]any) []askedName {
	var asked []askedName
	add := func(kind nameKind, list any) {
		items, _ := list.([]any)
		for _, item := range items {
			value, _ := item.(string)
			asked = append(asked, askedName{kind: kind, value: value})
		}
	}
	add(hostName, spec["dnsNames"])
	add(hostName, spec["ipAddresses"])
	add(uriName, spec["uris"])
	add(emailName, spec["emailAddresses"])
	if name, _ := spec["commonName"].(string); name != "" {
		asked = append(asked, askedName{kind: kindOf(name), value: name})
	}
	return asked
}

// kindOf says what a common name looks like: it may be any text.
func kindOf(commonName string) nameKind {
	switch {
	case strings.Contains(commonName, "://"):
		return uriName
	case strings.Contains(commonName, "@"):
		return emailName
	}
	return hostName
}

// isHost says whether a text is an IP address, or a DNS name as certificates have them: with
// wildcards and underscores.
func isHost(text string) bool {
	if names.IsIP(text) {
		return true
	}
	name := strings.ReplaceAll(names.DNS(strings.TrimPrefix(text, "*.")), "_", "x")
	return len(validation.IsDNS1123Subdomain(name)) == 0
}

// hostOfURI is the host of a URI, or "".
func hostOfURI(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil || strings.HasPrefix(parsed.Hostname(), "*") {
		return ""
	}
	return parsed.Hostname()
}

// coversURI reports whether a URI is the allowed one or below it. A URI with "." or ".." in its path
// is below none.
func coversURI(allowed, uri string) bool {
	above, err := url.Parse(allowed)
	if err != nil {
		return false
	}
	below, err := url.Parse(uri)
	if err != nil || climbs(below.Path) || climbs(below.Opaque) {
		return false
	}
	rest, is := strings.CutPrefix(names.URI(below.String()), strings.TrimSuffix(names.URI(above.String()), "/"))
	next := "/?#"
	if above.Opaque != "" {
		next += ":"
	}
	return is && (rest == "" || strings.ContainsRune(next, rune(rest[0])))
}

// climbs reports whether a path has an element "." or "..". Backslashes separate elements, too, as
// some programs treat them so.
func climbs(path string) bool {
	elements := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
	return slices.ContainsFunc(elements, func(element string) bool {
		if plain, err := url.PathUnescape(element); err == nil {
			element = plain
		}
		return element == "." || element == ".."
	})
}

// coversEmail says whether an address is the one that is allowed, or of the domain that is.
func coversEmail(allowed, address string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !isHost(address[at+1:]) {
		return false
	}
	if strings.Contains(allowed, "@") {
		return names.Email(address) == names.Email(allowed)
	}
	return under(address[at+1:], allowed)
}

// nameProblem says that a rule doesn't allow a name, which stands at the path.
func nameProblem(l limit, path string, n askedName) problem.Problem {
	return problem.Problem{
		Severity: problem.Error, Path: path, Key: n.key, Value: n.value, Allowed: l.allowed(n),
		Reason: problem.HostNotAllowed, Message: l.text() + " doesn't allow this " + n.text() + " here",
	}
}
