package annotations

import (
	"net"
	"net/mail"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/names"
)

const (
	maxLabel = 63
	maxName  = 253
	maxCN    = 64
)

// altName parses a DNS name, or an IP address, which is added to the IP addresses.
func altName(r *reading, part string) listItem {
	if names.IsIP(part) {
		return listItem{into: &r.request.IPAddresses, value: part, form: names.IP}
	}
	if why := badDNSName(part); why != "" {
		return listItem{message: why, suggestion: nearestDNSName(part)}
	}
	if strings.Contains(part, "_") {
		r.warn(part, "an underscore: most CAs refuse such a name")
	}
	if looksLikeIP(part) {
		r.warn(part, "taken as a DNS name: it is no IP address as Go reads them, without leading zeros")
	}
	return listItem{into: &r.request.DNSNames, value: part, form: names.DNS}
}

// badDNSName says what is wrong with a name for spec.dnsNames, or returns "". A wildcard must be
// the whole first label; upper case and underscores are allowed, as in cert-manager.
func badDNSName(name string) string {
	rest := strings.TrimPrefix(name, "*.")
	switch {
	case !ascii(name):
		return "not a DNS name: a character outside ASCII; its xn-- form would be right"
	case len(name) > maxName:
		return "not a DNS name: longer than 253 bytes"
	}
	for label := range strings.SplitSeq(rest, ".") {
		if why := badLabel(label); why != "" {
			return "not a DNS name: " + why
		}
	}
	return ""
}

func badLabel(label string) string {
	switch {
	case label == "":
		return "an empty label"
	case len(label) > maxLabel:
		return "a label longer than 63 bytes"
	case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
		return "a label that begins or ends with a hyphen"
	case strings.ContainsFunc(label, func(c rune) bool { return !inDNSLabel(c) }):
		return "a character that no label may have"
	}
	return ""
}

func inDNSLabel(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// nearestDNSName suggests the host of a URL or host:port, or the name without its trailing dot.
func nearestDNSName(part string) string {
	name := names.Stripped(part)
	if name == part || badDNSName(name) != "" {
		return ""
	}
	return name
}

func looksLikeIP(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
}

func ipAddress(r *reading, part string) listItem {
	if !names.IsIP(part) {
		return listItem{message: "not an IP address", suggestion: nearestIP(part)}
	}
	return listItem{into: &r.request.IPAddresses, value: part, form: names.IP}
}

// nearestIP suggests the address in brackets, with a port or with a mask behind it, or "".
func nearestIP(part string) string {
	address, _, _ := strings.Cut(part, "/")
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	address = strings.Trim(address, "[]")
	if address == part || !names.IsIP(address) {
		return ""
	}
	return address
}

func emailAddress(r *reading, part string) listItem {
	address, err := mail.ParseAddress(part)
	switch {
	case err != nil || !ascii(part):
		return listItem{message: "not an e-mail address"}
	case address.Address != part:
		return listItem{message: "more than the bare address", suggestion: address.Address}
	}
	return listItem{into: &r.request.EmailAddresses, value: part, form: names.Email}
}

func uri(r *reading, part string) listItem {
	parsed, err := url.Parse(part)
	switch {
	case err != nil || !ascii(part) || strings.ContainsAny(part, " \t\r\n"):
		return listItem{message: "not a URI"}
	case !parsed.IsAbs() || parsed.Host == "" && parsed.Opaque == "" && parsed.Path == "":
		return listItem{message: "not an absolute URI"}
	}
	return listItem{into: &r.request.URIs, value: part, form: names.URI}
}

func commonName(r *reading, value string) {
	if len(value) > maxCN {
		r.refuse(r.raw, "longer than 64 bytes")
		return
	}
	r.warnInvisible(value)
	r.request.CommonName = value
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf })
}
