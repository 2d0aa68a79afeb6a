package routes

import (
	"strings"

	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/source"
)

// Intersect gives the hostname that a listener and a route have in common: the more specific of the two,
// and "" where neither has one, which is every hostname. It is false if they have none in common.
//
// A wildcard stands for one or more labels. Case doesn't count; of equal hostnames the listener's
// spelling is given.
func Intersect(listener, route string) (string, bool) {
	l, r := names.DNS(listener), names.DNS(route)
	switch {
	case route == "", l == r:
		return listener, true
	case listener == "", isBelow(r, l):
		return route, true
	case isBelow(l, r):
		return listener, true
	}
	return "", false
}

// isBelow reports whether a hostname, perhaps a wildcard itself, has one or more labels in place of the
// asterisk of a wildcard.
func isBelow(hostname, wildcard string) bool {
	suffix, isWildcard := strings.CutPrefix(wildcard, "*")
	return isWildcard && strings.HasPrefix(suffix, ".") && len(hostname) > len(suffix) &&
		strings.HasSuffix(hostname, suffix) && hostname != wildcard
}

// isName reports whether a hostname may go into a certificate for the sake of a route: the Gateway API
// forbids to make wildcards of hostnames, and no route has an IP address.
func isName(hostname string) bool {
	return !strings.HasPrefix(hostname, "*") && !names.IsIP(hostname) && source.BadHost(names.DNS(hostname)) == ""
}
