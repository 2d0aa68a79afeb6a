package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// named is the issuer of a source, and who names it.
type named struct {
	answer resolver.Answer
	// namespace is what the Namespace says, where that counts.
	namespace annotations.Issuer
	// unread is true where it counts and can't be read.
	unread   bool
	problems problem.List
	// why none may be used, or "".
	why string
}

// name finds who names the issuer: the source, a rule by its default, the Namespace, or at
// last the default of the registry.
func (d *decision) name(byRule resolver.Defaults) named {
	var n named
	if d.policy.NamespaceDefaults && !d.request.Issuer.Named() && byRule.Name == "" {
		if n = d.askNamespace(); n.why != "" {
			return n
		}
	}
	n.answer = d.policy.Registry.Resolve(d.lookup(n, byRule), d.seen.Served())
	problems := inAnnotations(n.answer)
	if n.byNamespace() {
		problems = d.ofNamespace(problems)
	}
	n.problems.Merge(problems)
	if n.answer.Issuer.From = d.origin(n, byRule); !n.answer.OK {
		n.answer.Issuer, n.why = resolver.Issuer{}, "its issuer isn't known"
	}
	return n
}

func (d *decision) askNamespace() named {
	issuer, problems, known := d.namespaceIssuer()
	n := named{namespace: issuer, problems: d.ofNamespace(problems), unread: !known}
	switch {
	case !known:
		n.why = "the annotations of its namespace can't be read, and may name its issuer"
	case problems.HasErrors():
		n.why = "an issuer annotation of its Namespace can't be read"
	}
	return n
}

// byNamespace says whether the issuer is the Namespace's: any of its keys is there, as all
// of them count as one.
func (n named) byNamespace() bool { return n.namespace != (annotations.Issuer{}) }

func (d *decision) lookup(n named, byRule resolver.Defaults) resolver.Lookup {
	keys := d.request.Issuer
	if n.byNamespace() {
		keys = overNamespace(keys, n.namespace)
	}
	return resolver.Lookup{
		Name: keys.Name, ClusterName: keys.ClusterName, Kind: keys.Kind, Group: keys.Group,
		Auto: d.request.Auto && !n.byNamespace(), Current: d.current(), Default: byRule,
	}
}

// origin says who named an issuer.
func (d *decision) origin(n named, byRule resolver.Defaults) resolver.Origin {
	switch {
	case d.inherited():
		return resolver.FromParent
	case n.byNamespace():
		return resolver.FromNamespace
	case n.answer.Issuer.From == resolver.FromDefault && byRule.Name != "":
		return resolver.FromPolicy
	}
	return n.answer.Issuer.From
}

// issuerKey is the annotation that names the issuer, of the source or of its Namespace.
func (d *decision) issuerKey() string {
	if d.request.Issuer.ClusterName != "" || d.named.namespace.ClusterName != "" {
		return annotations.ClusterKey
	}
	return annotations.IssuerKey
}
