package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// naming is who names the issuer of a source: the source, a rule by its default, the
// Namespace, or at last the default of the registry. It is the same for all Secrets by the same terms.
type naming struct {
	standing
	terms *terms
	// rule whose default counts, or nil.
	rule   *Rule
	lookup resolver.Lookup
	// byNamespace is set where the Namespace has any issuer key: all of them count as one.
	byNamespace bool
	// key is the annotation that names the issuer.
	key      string
	problems problem.List
}

// named is the issuer that is named for one Secret; without a name where there is none.
type named struct {
	standing
	resolver.Issuer
	// by is who names it.
	by       *naming
	problems problem.List
}

// findNaming finds who names the issuer, with a rule or, if it is nil, without any.
func findNaming(q input, t *terms, rule *Rule) *naming {
	n := &naming{rule: rule, terms: t}
	keys, byRule := t.request.Issuer, rule.defaultIssuer()
	if q.policy.NamespaceDefaults && !keys.Named() && byRule.Name == "" {
		byNamespace := n.askNamespace(q)
		if n.byNamespace = byNamespace != (annotations.Issuer{}); n.byNamespace {
			keys = overNamespace(keys, byNamespace)
		}
	}
	n.key = annotations.IssuerKey
	if keys.ClusterName != "" {
		n.key = annotations.ClusterKey
	}
	n.lookup = resolver.Lookup{
		Name: keys.Name, ClusterName: keys.ClusterName, Kind: keys.Kind, Group: keys.Group,
		Auto: t.request.Auto && !n.byNamespace, Default: byRule,
	}
	return n
}

// askNamespace reads what the source's Namespace says of an issuer. In a plan without the
// Namespace it says nothing.
func (n *naming) askNamespace(q input) annotations.Issuer {
	found, presence := q.observed.NamespaceAnnotations(q.object.Namespace)
	if presence != Present && !q.policy.Offline {
		n.standing = waitFor(certificate.CauseNamespaceUnread)
		return annotations.Issuer{}
	}
	issuer, problems := q.policy.Parser.ParseIssuer(found)
	n.problems = onNamespace(q, n.terms, problems)
	if problems.HasErrors() {
		n.standing = refuse(certificate.CauseNamespaceInvalid)
	}
	return issuer
}

// overNamespace are the issuer keys of a source that names no issuer over those of its
// Namespace.
func overNamespace(own, namespace annotations.Issuer) annotations.Issuer {
	if own.Kind != "" {
		namespace.Kind = own.Kind
	}
	if own.Group != "" {
		namespace.Group = own.Group
	}
	return namespace
}

// onNamespace says of problems with issuer keys that they stand on the Namespace, unless
// the source has the key itself.
func onNamespace(q input, t *terms, problems problem.List) problem.List {
	var out problem.List
	for _, p := range problems.All() {
		if _, own := t.annotations[p.Key]; !own || p.Key == "" {
			p.Path, p.Message = "", "on "+q.namespaceName()+": "+p.Message
		}
		out.Add(p)
	}
	return out
}

// name resolves the issuer for a Secret. current is the issuer of a Certificate that the
// source has, if any: where several could be meant, it is that one.
func name(q input, by *naming, current resolver.Ref) named {
	n := named{standing: by.standing, by: by, problems: by.problems}
	if !n.clear() {
		return n
	}
	lookup := by.lookup
	lookup.Current = current
	answer := q.policy.Registry.Resolve(lookup, q.observed.Served())
	problems := by.terms.place(inAnnotations(answer))
	if by.byNamespace {
		problems = onNamespace(q, by.terms, problems)
	}
	n.problems.Merge(problems)
	if !answer.OK {
		n.standing = refuse(certificate.CauseIssuerUnknown)
		return n
	}
	n.Issuer = answer.Issuer
	n.From = by.origin(answer.Issuer)
	return n
}

// origin says who named an issuer.
func (n *naming) origin(issuer resolver.Issuer) resolver.Origin {
	switch {
	case n.terms.inherited:
		return FromParent
	case n.byNamespace:
		return FromNamespace
	case issuer.From == resolver.FromDefault && n.lookup.Default.Name != "":
		return FromPolicy
	}
	return issuer.From
}
