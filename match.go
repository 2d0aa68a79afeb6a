package certshim

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// matched is the rule of a source.
type matched struct {
	// rule that matches, or nil.
	rule *Rule
	// unknown is set where it can't be known which rule matches, mayLimit where that rule may
	// forbid what the source asks for.
	unknown, mayLimit bool
}

const ruleUnread = "its Namespace can't be read, and a policy goes by it"

// standing is that of a source whose rule isn't known: it may have been given another issuer,
// or be forbidden what it asks for.
func (m matched) standing(a *asked) standing {
	if m.unknown && (m.mayLimit || !a.request.Issuer.Named()) {
		return waitFor(ruleUnread)
	}
	return standing{}
}

// match finds the rule of the source. Where a rule goes by a Namespace that can't be read,
// none can be known: it may be that one or any behind it.
func match(q input, a *asked) matched {
	m := matcher{input: q, asked: a}
	for i := range q.policy.Rules {
		rule := &q.policy.Rules[i]
		fits, known := m.fits(rule)
		if !known {
			return matched{unknown: true, mayLimit: slices.ContainsFunc(q.policy.Rules[i:], Rule.limits)}
		}
		if fits {
			return matched{rule: rule}
		}
	}
	return matched{}
}

// matcher tries rules on one source.
type matcher struct {
	input
	asked *asked
	// usual is the issuer that the source has without any rule, once a rule went by it.
	usual *named
}

// fits says whether a rule matches, and whether that can be known. What costs least, and
// needs no Namespace, is looked at first.
func (m *matcher) fits(rule *Rule) (fits, known bool) {
	inNamespace := len(rule.Namespaces) == 0 || slices.Contains(rule.Namespaces, m.object.Namespace)
	ofKind := len(rule.Kinds) == 0 || m.object.GroupKind().NamedIn(rule.Kinds)
	if !inNamespace || !ofKind || !m.isUnder(rule.HostSuffixes) {
		return false, true
	}
	if rule.Selector != nil {
		set, known := m.labels()
		if !known || !rule.Selector.Matches(labels.Set(set)) {
			return false, known
		}
	}
	return m.hasIssuer(rule.Issuers)
}

// labels of the source's Namespace; in a plan without it, those that every one has.
func (m *matcher) labels() (map[string]string, bool) {
	set, known := m.namespaceLabels()
	if !known && m.policy.Offline {
		return map[string]string{"kubernetes.io/metadata.name": m.object.Namespace}, true
	}
	return set, known
}

// hasIssuer says whether the issuer that the source has without any rule is one of these.
func (m *matcher) hasIssuer(issuers []resolver.Ref) (has, known bool) {
	if len(issuers) == 0 {
		return true, true
	}
	if m.usual == nil {
		usual := name(m.input, m.asked, findNaming(m.input, m.asked, nil), firstIssuer(m.input, m.asked))
		m.usual = &usual
	}
	ref := m.usual.Ref
	return slices.ContainsFunc(issuers, func(issuer resolver.Ref) bool {
		return ref.Kind == issuer.Kind && ref.Group == issuer.Group && (ref.Name == issuer.Name || issuer.Name == "" && ref.Name != "")
	}), !m.usual.unknown
}

// isUnder says whether the source has hosts, and all of them are under one of the suffixes.
func (m *matcher) isUnder(suffixes []string) bool {
	if len(suffixes) == 0 {
		return true
	}
	request := m.asked.request
	return len(m.asked.Asks.Asks) > 0 && !slices.ContainsFunc(m.asked.Asks.Asks, func(ask source.Ask) bool {
		return outside(ask.Hosts, suffixes) != ""
	}) && outside(request.DNSNames, suffixes) == "" && outside(request.IPAddresses, suffixes) == ""
}
