package resolver

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// The syntax of the parts of an issuer reference, in words.
const (
	wantName  = "lower-case letters, digits, '-' and '.', at most 253, such as letsencrypt"
	wantKind  = "a kind in CamelCase, such as ClusterIssuer"
	wantGroup = "an API group without a version, such as cert-manager.io"
)

// isSubdomain reports whether s is an RFC 1123 subdomain. It uses no regular expression, since
// every decision calls it.
func isSubdomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	previous := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case isLower(c) || isDigit(c):
		case c == '-' && previous != '.':
		case c == '.' && previous != '.' && previous != '-':
		default:
			return false
		}
		previous = c
	}
	return previous != '.' && previous != '-'
}

func isKind(s string) bool {
	if s == "" || len(s) > 63 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// CalledIssuers returns the kinds whose name ends in Issuer, sorted by group and kind.
func CalledIssuers(kinds iter.Seq[GroupKind]) []GroupKind {
	var called []GroupKind
	for kind := range kinds {
		if strings.HasSuffix(kind.Kind, IssuerKind) {
			called = append(called, kind)
		}
	}
	slices.SortFunc(called, func(a, b GroupKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	})
	return called
}

// CustomGroup reports whether an API group may belong to custom resources. Kubernetes' own
// groups have no dot or end in k8s.io.
func CustomGroup(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") && group != CertManagerGroup
}
