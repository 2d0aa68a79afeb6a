package names

import (
	"net"
	"slices"
	"strings"
)

// Form returns the canonical form of a name, which all spellings of the name share.
type Form func(name string) string

// DNS folds the case of ASCII letters and of no others (RFC 4343 §3).
func DNS(name string) string {
	for i := range len(name) {
		if isUpper(rune(name[i])) {
			return strings.Map(lower, name)
		}
	}
	return name
}

func isUpper(c rune) bool { return 'A' <= c && c <= 'Z' }

func lower(c rune) rune {
	if isUpper(c) {
		return c - 'A' + 'a'
	}
	return c
}

// IP writes an address as RFC 5952 recommends, and an IPv4-mapped one (RFC 4291 §2.5.5.2) as the
// IPv4 address that it is in a certificate. What is no address stays as it is.
func IP(name string) string {
	if !IsIP(name) {
		return name
	}
	return net.ParseIP(name).String()
}

// IsIP reports whether a name is an IP address as Go's net.ParseIP reads it. That function
// allocates for what is none, which nearly all names are: they have no colon, and no digit at
// their end.
func IsIP(name string) bool {
	if name == "" || strings.IndexByte(name, ':') < 0 && (name[len(name)-1] < '0' || name[len(name)-1] > '9') {
		return false
	}
	return net.ParseIP(name) != nil
}

// Host is [IP] for an address and [DNS] for everything else.
func Host(name string) string {
	if IsIP(name) {
		return IP(name)
	}
	return DNS(name)
}

// Email folds the case of the domain; that of the local part counts (RFC 5280 §7.5).
func Email(name string) string {
	at := strings.LastIndexByte(name, '@') + 1
	return name[:at] + DNS(name[at:])
}

// URI folds the case of scheme and host (RFC 3986 §6.2.2.1). A port, a path and whatever else
// follows count as written, and so does the user.
func URI(name string) string {
	scheme, rest, found := strings.Cut(name, ":")
	if !found {
		return name
	}
	scheme = DNS(scheme) + ":"
	if !strings.HasPrefix(rest, "//") {
		return scheme + rest
	}
	end := len(rest)
	if i := strings.IndexAny(rest[2:], "/?#"); i >= 0 {
		end = i + 2
	}
	return scheme + Email(rest[:end]) + rest[end:]
}

// Wildcard gives the wildcard that a DNS name fits (RFC 9525 §6.3), or "" for a single label.
func Wildcard(name string) string {
	if _, domain, found := strings.Cut(name, "."); found {
		return "*." + domain
	}
	return ""
}

// Exact is the form for texts that have only one spelling.
func Exact(name string) string { return name }

// Common returns the spelling of a common name beside other names. If it equals a DNS name, it is
// spelt like that one; if it equals an IP address, it has the form of [IP]. Issuers that require
// the common name among the names compare it as text, with addresses in that form.
func Common(name string, dns, ips []string) string {
	if IsIP(name) {
		form := IP(name)
		if slices.ContainsFunc(ips, func(other string) bool { return IP(other) == form }) {
			return form
		}
		return name
	}
	form := DNS(name)
	if i := slices.IndexFunc(dns, func(other string) bool { return DNS(other) == form }); i >= 0 {
		return dns[i]
	}
	return name
}

// Unique joins lists and keeps of equal names the first, as it is written.
func Unique(form Form, lists ...[]string) []string {
	total := 0
	for _, list := range lists {
		total += len(list)
	}
	if total == 0 {
		return nil
	}
	out, seen := make([]string, 0, total), newSeen(total)
	for _, list := range lists {
		for _, name := range list {
			if seen.add(form(name)) {
				out = append(out, name)
			}
		}
	}
	return out
}

// AnySpeltTwice reports whether lists have a name in two spellings.
func AnySpeltTwice(form Form, lists ...[]string) bool {
	return len(Unique(form, lists...)) < len(Unique(Exact, lists...))
}

// Add appends the names of a list that equal none in another, which stays as it is.
func Add(form Form, list, more []string) []string {
	seen := newSeen(len(list) + len(more))
	for _, name := range list {
		seen.add(form(name))
	}
	out := slices.Clip(list)
	for _, name := range more {
		if seen.add(form(name)) {
			out = append(out, name)
		}
	}
	return out
}

// seen is a set of forms. A few are faster to find in a list, which nearly all Certificates need.
type seen struct {
	few  []string
	many map[string]bool
}

func newSeen(size int) *seen {
	const few = 16
	if size > few {
		return &seen{many: make(map[string]bool, size)}
	}
	return &seen{few: make([]string, 0, size)}
}

// add reports whether a form wasn't there yet.
func (s *seen) add(form string) bool {
	switch {
	case s.many == nil && slices.Contains(s.few, form), s.many[form]:
		return false
	case s.many == nil:
		s.few = append(s.few, form)
	default:
		s.many[form] = true
	}
	return true
}

// Stripped returns what is written without the scheme and the path of a URL, a port, and a dot at
// the end: the name that was probably meant.
func Stripped(written string) string {
	name := written
	if _, rest, found := strings.Cut(name, "://"); found {
		name = rest
	}
	name, _, _ = strings.Cut(name, "/")
	name, _, _ = strings.Cut(name, ":")
	return strings.TrimSuffix(name, ".")
}
