package certshim

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// matched is the rule of a source.
type matched struct {
	// rule that matches, or nil.
	rule *Rule
	// limits are the limits of rule, and of earlier rules that are for some of the source's names but
	// not for all of its hosts. So a source can't escape a rule by adding a foreign host.
	limits limits
	// unknown is set where it can't be known which rule matches, mayLimit where that rule may
	// forbid what the source asks for.
	unknown, mayLimit bool
}

// standing is that of a source whose rule isn't known: it may have been given another issuer,
// or be forbidden what it asks for.
func (m matched) standing(t *terms) standing {
	if m.unknown && (m.mayLimit || !t.request.Issuer.Named()) {
		return waitFor(certificate.CausePolicyUnknown)
	}
	return standing{}
}

// match finds the rule of the source, as far as these terms go, or that of one that were in another
// namespace. Where a rule goes by a Namespace that can't be read, none can be known: it may be that one or
// any behind it.
func match(q input, a *asked, by *terms, namespace string) matched {
	m := matcher{input: q, asked: a, terms: by, namespace: namespace}
	var found matched
	for i := range q.policy.Rules {
		rule := &q.policy.Rules[i]
		share, known := m.fits(rule)
		if !known {
			return matched{unknown: true, mayLimit: len(found.limits) > 0 || slices.ContainsFunc(q.policy.Rules[i:], Rule.limits)}
		}
		if share > none && rule.limits() {
			found.limits = append(found.limits, limit{Rule: rule, inPart: share == part})
		}
		if share == whole {
			found.rule = rule
			break
		}
	}
	return found
}

// share is how much of a source a rule is for.
type share int

const (
	none share = iota
	part
	whole
)

// matcher tries rules on one source.
type matcher struct {
	input
	asked *asked
	terms *terms
	// namespace that the rules are to be for.
	namespace string
	// usual is the issuer that the Secrets have without any rule, once a rule went by it.
	usual *named
}

// fits says how much of the source a rule is for, and whether that can be known. What costs
// least, and needs no Namespace, is looked at first.
func (m *matcher) fits(rule *Rule) (fits share, known bool) {
	inNamespace := len(rule.Namespaces) == 0 || slices.Contains(rule.Namespaces, m.namespace)
	ofKind := len(rule.Kinds) == 0 || m.object.GroupKind().NamedIn(rule.Kinds)
	if !inNamespace || !ofKind {
		return none, true
	}
	if fits = m.under(rule.HostSuffixes); fits == none || fits == part && !rule.limits() {
		return none, true
	}
	if rule.Selector != nil {
		set, known := m.labels()
		if !known || !rule.Selector.Matches(labels.Set(set)) {
			return none, known
		}
	}
	if has, known := m.hasIssuer(rule.Issuers); !has || !known {
		return none, known
	}
	return fits, true
}

// labels of the Namespace; in a plan without it, those that every one has.
func (m *matcher) labels() (map[string]string, bool) {
	set, known := m.labelsOf(m.namespace)
	if !known && m.policy.Offline {
		return map[string]string{"kubernetes.io/metadata.name": m.namespace}, true
	}
	return set, known
}

// hasIssuer says whether the issuer that the Secrets have without any rule is one of these.
func (m *matcher) hasIssuer(issuers []resolver.Ref) (has, known bool) {
	if len(issuers) == 0 {
		return true, true
	}
	if m.usual == nil {
		usual := name(m.input, findNaming(m.input, m.terms, nil), firstIssuer(m.input, m.asked, m.terms))
		m.usual = &usual
	}
	ref := m.usual.Ref
	return slices.ContainsFunc(issuers, func(issuer resolver.Ref) bool {
		return ref.Kind == issuer.Kind && ref.Group == issuer.Group && (ref.Name == issuer.Name || issuer.Name == "" && ref.Name != "")
	}), !m.usual.unknown
}

// under returns how much of the source is under the suffixes: the whole, if it has hosts and all
// of them are; a part, if any of its names is.
func (m *matcher) under(suffixes []string) share {
	if len(suffixes) == 0 {
		return whole
	}
	found, elsewhere := none, false
	for _, ask := range m.asked.Asks.Asks {
		request := m.asked.termsOf(ask.At(m.object)).request
		if slices.ContainsFunc(namesIn(ask, request), func(n askedName) bool { return n.isUnder(suffixes) }) {
			found = part
		}
		elsewhere = elsewhere || outside(ask.Hosts, suffixes) != "" ||
			outside(request.DNSNames, suffixes) != "" || outside(request.IPAddresses, suffixes) != ""
	}
	if len(m.asked.Asks.Asks) > 0 && !elsewhere {
		found = whole
	}
	return found
}
