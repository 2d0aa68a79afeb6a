package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// Namespace is what decisions read of the Namespace that a source is in.
type Namespace struct {
	Labels, Annotations map[string]string
}

// namespaceLabels of the source; in a plan without the Namespace, those that every one has.
func (d *decision) namespaceLabels() (map[string]string, bool) {
	d.out.OnLabels = true
	namespace, known := d.seen.Namespace(d.object.Namespace)
	if !known && d.policy.Offline {
		return map[string]string{"kubernetes.io/metadata.name": d.object.Namespace}, true
	}
	return namespace.Labels, known
}

// readNamespace reads the issuer that the source's Namespace names, where the source names
// none and no rule does. It returns why none may be used, or "".
func (d *decision) readNamespace() string {
	if !d.policy.NamespaceDefaults || d.request.Issuer.Named() || d.defaultIssuer().Name != "" {
		return ""
	}
	d.out.OnAnnotations = true
	namespace, known := d.seen.Namespace(d.object.Namespace)
	if !known && !d.policy.Offline {
		return "the annotations of its namespace can't be read, and may name its issuer"
	}
	issuer, problems := d.policy.Parser.ParseIssuer(namespace.Annotations)
	d.namespaceIssuer = issuer
	d.problems.Merge(d.ofNamespace(problems))
	if problems.HasErrors() {
		return "an issuer annotation of its Namespace can't be read"
	}
	return ""
}

// byNamespace says whether the issuer is the Namespace's: any of its keys is there, and
// all of them count as one.
func (d *decision) byNamespace() bool { return d.namespaceIssuer != (annotations.Issuer{}) }

// overNamespace are the issuer keys of a source over those of its Namespace, which are used
// for a source that names no issuer.
func overNamespace(own, namespace annotations.Issuer) annotations.Issuer {
	if own.Kind != "" {
		namespace.Kind = own.Kind
	}
	if own.Group != "" {
		namespace.Group = own.Group
	}
	return namespace
}

// ofNamespace says of problems with issuer keys that they stand on the Namespace, unless
// the source has the key itself.
func (d *decision) ofNamespace(problems problem.List) problem.List {
	var out problem.List
	for _, p := range problems.All() {
		if _, own := d.annotations[p.Key]; !own || p.Key == "" {
			p.Path, p.Message = "", "on "+d.namespaceName()+": "+p.Message
		}
		out.Add(p)
	}
	return out
}

func (d *decision) namespaceName() string { return "Namespace " + problem.Name(d.object.Namespace) }

// namespaceKey is the Namespace's annotation that names the issuer.
func (d *decision) namespaceKey() string {
	if d.namespaceIssuer.ClusterName != "" {
		return annotations.Prefix + resolver.FieldClusterName
	}
	return annotations.Prefix + resolver.FieldName
}
