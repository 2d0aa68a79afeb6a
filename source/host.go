package source

import (
	"net"
	"strings"
)

// Lengths of RFC 1035 §2.3.4, in text form.
const (
	maxName  = 253
	maxLabel = 63
)

// IsIP says whether a host is an IP address, as Go's ParseIP takes it. That one allocates for
// what is none, which nearly all hosts are: they have no colon, and no digit at their end.
func IsIP(host string) bool {
	if host == "" || strings.IndexByte(host, ':') < 0 && (host[len(host)-1] < '0' || host[len(host)-1] > '9') {
		return false
	}
	return net.ParseIP(host) != nil
}

// badHost says why a host can't be in a certificate, or "". It is an IP address as Go's
// ParseIP takes it, or a DNS name in ASCII of any case, which may begin with "*.".
func badHost(name string) string {
	if IsIP(name) {
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
	return ""
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
			return "the host has a character that a DNS name can't have; an international name is written as xn--…"
		}
	}
	return ""
}

func isLetterDigitHyphen(c byte) bool {
	return c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
