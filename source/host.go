package source

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/certshim/certshim/names"
)

// Lengths of RFC 1035 §2.3.4, in text form.
const (
	maxName  = 253
	maxLabel = 63
)

// BadHost says why a host can't be in a certificate, or "". It is an IP address as Go's
// ParseIP takes it, or a DNS name in ASCII and lower case, which may begin with "*.".
func BadHost(name string) string {
	if names.IsIP(name) {
		return ""
	}
	if len(name) > maxName {
		return "the host is longer than 253 characters"
	}
	rest := strings.TrimPrefix(name, "*.")
	for label := range strings.SplitSeq(rest, ".") {
		if why := badLabel(label); why != "" {
			return why
		}
	}
	if names.DNS(name) != name {
		return "the host has upper-case letters, which the API server refuses"
	}
	return ""
}

// nearestHost is the host in what people write for one, or "".
func nearestHost(written string) string {
	host := names.Host(names.Stripped(written))
	if BadHost(host) != "" {
		return ""
	}
	return host
}

func badLabel(label string) string {
	switch {
	case label == "":
		return "the host has an empty label"
	case len(label) > maxLabel:
		return "a label of the host is longer than 63 characters"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "a label of the host begins or ends with '-'"
	}
	for i := range len(label) {
		if !isLetterDigitHyphen(label[i]) {
			return badCharacter(label)
		}
	}
	return ""
}

func badCharacter(label string) string {
	const why = "the host has a character that a DNS name can't have"
	switch {
	case strings.ContainsFunc(label, func(r rune) bool { return r >= utf8.RuneSelf }):
		return why + "; an international name is written as xn--…"
	case strings.Contains(label, "*"):
		return why + ": * stands in place of the whole first label alone"
	}
	return why
}

func isLetterDigitHyphen(c byte) bool {
	return c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// judged is an entry whose hosts are the valid ones.
type judged struct {
	Entry
	// broken is set where a part of the entry is wrong, for each of its Secrets.
	broken bool
}

// hosts judges the hosts of an entry, once for all its Secrets, whatever else is wrong with it.
func (j *judge) hosts(entry Entry) judged {
	valid := judged{Entry: entry, broken: len(entry.Hosts) == 0 && !j.options.RouteNames}
	if len(entry.Hosts) > 2*MaxHosts {
		j.refuse(entry.Path, "", fmt.Sprintf("the entry has more than %d hosts; the others are left out", 2*MaxHosts))
		valid.Hosts, valid.broken = entry.Hosts[:2*MaxHosts], true
	}
	bad := j.badHosts(entry, valid.Hosts)
	if len(bad) > 0 {
		valid.broken = true
		// The object is shared with others and stays as it is.
		valid.Hosts = slices.DeleteFunc(slices.Clone(valid.Hosts), func(name string) bool { return bad[name] })
	}
	return valid
}

// badHosts tells which hosts of an entry can't be in a certificate; nil for none.
func (j *judge) badHosts(entry Entry, hosts []string) map[string]bool {
	var bad map[string]bool
	for n, name := range hosts {
		why := BadHost(name)
		if why == "" {
			continue
		}
		j.refuseOf(j.hostPath(entry, n), name, why, "an IP address, or a DNS name that may begin with *.", nearestHost(name))
		if bad == nil {
			bad = map[string]bool{}
		}
		bad[name] = true
	}
	return bad
}
