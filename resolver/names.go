package resolver

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// What the parts of an issuer reference look like, in words.
const (
	wantName  = "lower-case letters, digits, '-' and '.', at most 253, such as letsencrypt"
	wantKind  = "a kind in CamelCase, such as ClusterIssuer"
	wantGroup = "an API group without a version, such as cert-manager.io"
)

// isSubdomain is RFC 1123's subdomain as Kubernetes takes it, without a regular
// expression, as it is on the path of every decision.
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

// CalledIssuers are those kinds whose name ends in Issuer, in the order of group and kind.
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

// CustomGroup says whether an API group may be one of custom resources: Kubernetes' own have
// no dot, or end in k8s.io. cert-manager's issuers are always declared.
func CustomGroup(group string) bool {
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") && group != CertManagerGroup
}
