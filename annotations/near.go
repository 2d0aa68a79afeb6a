package annotations

import (
	"slices"
	"strings"

	"github.com/certshim/certshim/declaration"
	"github.com/certshim/certshim/problem"
)

// near finds the known key that a misspelt one stands for.
type near struct {
	known    map[string]bool   // keys that are read or copied
	byName   map[string]string // known key by the part after its prefix
	names    []string          // keys of byName, sorted
	auto     []string
	prefixes []string // the valid and the wrong ones
}

func newNear(rows []Row, options Options) near {
	n := near{
		known: map[string]bool{}, byName: map[string]string{}, auto: options.AutoKeys,
		prefixes: append([]string{Prefix, ACMEPrefix, OwnPrefix}, wrongPrefixes()...),
	}
	for _, row := range rows {
		_, name, _ := strings.Cut(row.Key, "/")
		n.known[row.Key] = true
		n.byName[name] = row.Key
		n.names = append(n.names, name)
	}
	for _, key := range slices.Concat(options.AutoKeys, options.ExtraKeys) {
		n.known[key] = true
	}
	slices.Sort(n.names)
	return n
}

// report adds a warning for every unknown key that resembles a known one, or has one of
// cert-manager's prefixes.
func (n *near) report(in map[string]string, problems *problem.List) {
	for _, key := range n.unknown(in) {
		prefix, meant := n.prefixOf(key), n.nearest(key)
		name := key[len(prefix):]
		switch {
		case slices.Contains(challengeKeys(), name):
			p := unknownKey(key, in[key], "")
			p.Message += ": the issuer decides how a challenge is solved"
			problems.Add(p)
		case meant != "" || prefix == Prefix || prefix == ACMEPrefix:
			problems.Add(unknownKey(key, in[key], meant))
		}
	}
}

// challengeKeys are keys by which releases before 0.11 chose the solver of a challenge, after their
// prefix.
func challengeKeys() []string {
	return []string{"acme-challenge-type", "acme-dns01-provider", "acme-http01-provider"}
}

func unknownKey(key, value, meant string) problem.Problem {
	p := problemOf(problem.Warning, key, value, "unknown annotation, which does nothing")
	p.Reason, p.Suggestion = problem.UnknownAnnotation, meant
	return p
}

// unknown returns the unknown keys with a valid or wrong prefix, sorted and at most maxSearches.
func (n *near) unknown(in map[string]string) []string {
	var keys []string
	for key := range in {
		if !n.known[key] && n.prefixOf(key) != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), maxSearches)]
}

// prefixOf returns the prefix of a key, in lower case: API servers accept keys with upper-case letters,
// which are other keys.
func (n *near) prefixOf(key string) string {
	for _, prefix := range n.prefixes {
		if len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			return prefix
		}
	}
	return ""
}

// nearest returns the known key that an unknown one resembles, or "".
func (n *near) nearest(key string) string {
	name := key[len(n.prefixOf(key)):]
	if meant, known := n.byName[name]; known {
		return meant
	}
	if alias, known := aliases()[name]; known {
		return n.byName[alias]
	}
	return n.byName[declaration.Nearest(name, n.names)]
}

// aliases maps names from other tools and old releases to the current ones.
func aliases() map[string]string {
	return map[string]string{
		"issuer-name":                    "issuer",
		"cluster-issuer-name":            "cluster-issuer",
		"cluster-issuer-kind":            "issuer-kind",
		"cluster-issuer-group":           "issuer-group",
		"acme-http01-edit-in-place":      "http01-edit-in-place",
		"acme-http01-ingress-class":      "http01-ingress-class",
		"dnsnames":                       "alt-names",
		"dns-names":                      "alt-names",
		"dns-sans":                       "alt-names",
		"email-addresses":                "email-sans",
		"ingress-class":                  "http01-ingress-class",
		"key-algorithm":                  "private-key-algorithm",
		"key-encoding":                   "private-key-encoding",
		"key-size":                       "private-key-size",
		"key-usages":                     "usages",
		"organization":                   "subject-organizations",
		"organizations":                  "subject-organizations",
		"private-key-algo":               "private-key-algorithm",
		"privatekey-algorithm":           "private-key-algorithm",
		"rotation-policy":                "private-key-rotation-policy",
		"http01-ingress-class-name":      "http01-ingress-ingressclassname",
		"http01-ingress-classname":       "http01-ingress-ingressclassname",
		"ignore-listeners":               "ignore-tls-listeners",
		"acme-http01-ingress-class-name": "http01-ingress-ingressclassname",
	}
}

// NearTriggers returns, for an object without a trigger annotation, warnings about keys and
// values that were probably meant as one: a misspelt issuer key, an empty issuer name, a key
// with an old prefix and, if auto is set, a misspelt auto key or one with a value such as yes.
func (p *Parser) NearTriggers(in map[string]string, auto bool) problem.List {
	var out problem.List
	for _, key := range []string{IssuerKey, ClusterKey} {
		if value, there := in[key]; there && trim(value) == "" {
			out.Add(problemOf(problem.Warning, key, value, "empty value: the same as no annotation"))
		}
	}
	for _, key := range p.near.unknown(in) {
		if meant := p.near.nearest(key); meant == IssuerKey || meant == ClusterKey || meant != "" && p.near.isOld(key) {
			out.Add(unknownKey(key, in[key], meant))
		}
	}
	if auto {
		p.near.autoTriggers(in, &out)
	}
	if value := in[SectionsKey]; trim(value) != "" {
		out.Add(problemOf(problem.Warning, SectionsKey, value, "no section names an issuer, and the object names none: nothing is made"))
	}
	if out.Empty() {
		warnNameless(in, &out)
	}
	return out
}

// warnNameless warns about an issuer kind or group without an issuer name.
func warnNameless(in map[string]string, out *problem.List) {
	for _, key := range []string{Prefix + "issuer-kind", Prefix + "issuer-group"} {
		if value := trim(in[key]); value != "" {
			p := problemOf(problem.Warning, key, in[key], "it names no issuer, so nothing is made: write "+IssuerKey+" beside it")
			out.Add(p)
			return
		}
	}
}

// isOld reports whether a key has a prefix that isn't read.
func (n *near) isOld(key string) bool { return slices.Contains(wrongPrefixes(), n.prefixOf(key)) }

func (n *near) autoTriggers(in map[string]string, out *problem.List) {
	for _, key := range n.auto {
		value, there := in[key]
		if _, known := truth(trim(value)); there && !known && !falseInWords(trim(value)) {
			p := problemOf(problem.Warning, key, value, "not a true value: asks for nothing")
			p.Allowed, p.Suggestion = "true, or false", suggestTrue(trim(value))
			out.Add(p)
		}
	}
	told := 0
	for key := range in {
		if meant := n.nearAuto(key); meant != "" && told < maxSearches {
			told++
			out.Add(unknownKey(key, in[key], meant))
		}
	}
}

func falseInWords(value string) bool {
	return slices.Contains([]string{"no", "off", "n", "disabled"}, strings.ToLower(value))
}

// nearAuto returns the auto key that a key resembles, or "": one with the same prefix and a
// similar name, or the same name with one of our prefixes.
func (n *near) nearAuto(key string) string {
	if n.known[key] {
		return ""
	}
	prefix, name := cutPrefix(key)
	for _, auto := range n.auto {
		autoPrefix, autoName := cutPrefix(auto)
		if prefix == autoPrefix && declaration.Nearest(name, []string{autoName}) != "" {
			return auto
		}
		if name == autoName && n.prefixOf(key) != "" {
			return auto
		}
	}
	return ""
}

func cutPrefix(key string) (prefix, name string) {
	slash := strings.LastIndex(key, "/")
	return key[:slash+1], key[slash+1:]
}

// Keeps reports whether Parse or NearTriggers may look at a key. A cache that holds only those
// keys gives the same results.
func (p *Parser) Keeps(key string) bool {
	return p.ForIssuer(key) || p.near.prefixOf(key) != "" || p.near.known[key] || p.near.nearAuto(key) != ""
}

// ForIssuer reports whether an annotation may be copied for an issuer.
func (p *Parser) ForIssuer(key string) bool {
	return slices.ContainsFunc(p.options.IssuerKeys, func(kept string) bool {
		isPrefix := strings.HasSuffix(kept, "/") || strings.HasSuffix(kept, ".")
		return key == kept || (isPrefix && strings.HasPrefix(key, kept))
	})
}
