package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// Namespace is what decisions read of the Namespace that a source is in.
type Namespace struct {
	Labels, Annotations map[string]string
}

// labelsRead are those of the source's Namespace, false where they can't be read.
func (d *decision) labelsRead() (map[string]string, bool) {
	d.out.OnLabels = true
	namespace, known := d.seen.Namespace(d.object.Namespace)
	return namespace.Labels, known
}

// namespaceLabels of the source; in a plan without the Namespace, those that every one has.
func (d *decision) namespaceLabels() (map[string]string, bool) {
	labels, known := d.labelsRead()
	if !known && d.policy.Offline {
		return map[string]string{"kubernetes.io/metadata.name": d.object.Namespace}, true
	}
	return labels, known
}

// namespaceIssuer is what the source's Namespace says of an issuer; false where it can't
// be read. In a plan without the Namespace it says nothing.
func (d *decision) namespaceIssuer() (annotations.Issuer, problem.List, bool) {
	d.out.OnAnnotations = true
	namespace, known := d.seen.Namespace(d.object.Namespace)
	issuer, problems := d.policy.Parser.ParseIssuer(namespace.Annotations)
	return issuer, problems, known || d.policy.Offline
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
