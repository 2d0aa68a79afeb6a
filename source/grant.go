package source

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/problem"
)

// GrantKind is the kind of ReferenceGrants, of the group [GatewayGroup].
const GrantKind = "ReferenceGrant"

// certificateGroup and certificateKind are what a grant names to let a source have a Certificate made.
const (
	certificateGroup = "cert-manager.io"
	certificateKind  = "Certificate"
)

// GrantResources are where API servers serve ReferenceGrants, the preferred version first. It is one
// and the same object in all of them.
func GrantResources() []schema.GroupVersionResource {
	of := func(version string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: GatewayGroup, Version: version, Resource: "referencegrants"}
	}
	return []schema.GroupVersionResource{of("v1"), of("v1beta1")}
}

// GrantReads are the paths of a ReferenceGrant that ReduceGrant reads.
func GrantReads() []string { return []string{"spec.from", "spec.to"} }

// Grant is a ReferenceGrant: whatever one of From names may reference whatever one of To names in the
// namespace of the grant.
type Grant struct {
	From []GrantFrom
	To   []GrantTo
}

// GrantFrom names the objects of a kind in a namespace.
type GrantFrom struct{ Group, Kind, Namespace string }

// GrantTo names the objects of a kind, all of them or one.
type GrantTo struct{ Group, Kind, Name string }

// ReduceGrant reads a ReferenceGrant. A field of a wrong type is an error that names its path.
func ReduceGrant(object *unstructured.Unstructured) (Grant, error) {
	var f fields
	var grant Grant
	spec := f.mapping(object.Object["spec"], "spec")
	for i, item := range f.list(spec["from"], "spec.from") {
		path := index("spec.from", i)
		from := f.mapping(item, path)
		grant.From = append(grant.From, GrantFrom{
			Group: f.text(from["group"], path+".group"), Kind: f.text(from["kind"], path+".kind"), Namespace: f.text(from["namespace"], path+".namespace"),
		})
	}
	for i, item := range f.list(spec["to"], "spec.to") {
		path := index("spec.to", i)
		to := f.mapping(item, path)
		grant.To = append(grant.To, GrantTo{
			Group: f.text(to["group"], path+".group"), Kind: f.text(to["kind"], path+".kind"), Name: f.text(to["name"], path+".name"),
		})
	}
	if err := f.err(); err != nil {
		return Grant{}, err
	}
	return grant, nil
}

// Granted is what the ReferenceGrants of a namespace let the sources of a kind and a namespace do with
// one Secret there. It is comparable.
type Granted struct {
	// Secret may be referenced; SecretByName, if a grant names it.
	Secret, SecretByName bool
	// Certificate of the Secret's name may be referenced, by a grant that names it. AnyCertificate is
	// set for a grant that names none, and so is for all: it doesn't count.
	Certificate, AnyCertificate bool
	// Near says in which respect a grant that is addressed to the sources' namespace doesn't fit, "" if
	// there is none. It is meant for people of that namespace.
	Near string
}

// GrantedTo reads the grants of a Secret's namespace. From and to are compared exactly, and have to fit
// within one grant.
func GrantedTo(from GrantFrom, secret string, grants []Grant) Granted {
	var all Granted
	var near []string
	for _, g := range grants {
		fits := slices.Contains(g.From, from)
		for _, to := range g.To {
			if fits {
				all.add(to, secret)
			}
			if why := nearMiss(from, secret, g.From, to, fits); why != "" {
				near = append(near, why)
			}
		}
	}
	switch {
	case all.Secret && all.Certificate:
		// What else there is says nothing more.
		return Granted{Secret: true, SecretByName: all.SecretByName, Certificate: true}
	case len(near) > 0:
		// Which grant comes first must not change what is said.
		all.Near = slices.Min(near)
	}
	return all
}

func (g *Granted) add(to GrantTo, secret string) {
	isSecret := to.Group == "" && to.Kind == secretKind
	isCertificate := to.Group == certificateGroup && to.Kind == certificateKind
	switch {
	case isSecret && to.Name == "":
		g.Secret = true
	case isSecret && to.Name == secret:
		g.Secret, g.SecretByName = true, true
	case isCertificate && to.Name == "":
		g.AnyCertificate = true
	case isCertificate && to.Name == secret:
		g.Certificate = true
	}
}

// nearMiss says why one item of a grant doesn't let the sources reference the Secret or its Certificate
// although it looks as if it were meant to, or "". fits is set if the sources are named.
func nearMiss(from GrantFrom, secret string, named []GrantFrom, to GrantTo, fits bool) string {
	group := cmp.Or(to.Group, "core")
	isOurs := to.Kind == secretKind && group == "core" || to.Kind == certificateKind && group == certificateGroup
	switch {
	case !isOurs:
		return ""
	case fits && to.Group == "core":
		return `a grant is for Secrets of the group core, which there isn't: write group: ""`
	case fits && to.Name != "" && to.Name != secret:
		return "a grant is for " + to.Kind + " " + problem.Name(to.Name)
	case fits || to.Name != "" && to.Name != secret:
		return ""
	}
	return nearSources(from, named)
}

// nearSources says which other sources of the same namespace a grant names.
func nearSources(from GrantFrom, named []GrantFrom) string {
	for _, other := range named {
		switch {
		case other.Namespace != from.Namespace:
		case other.Group == from.Group && other.Kind != from.Kind:
			return fmt.Sprintf("a grant is for objects of kind %s, not %s", problem.Name(other.Kind), from.Kind)
		case other.Kind == from.Kind:
			return fmt.Sprintf("a grant is for objects of group %s, not %s", problem.Quote(other.Group), from.Group)
		}
	}
	return ""
}

// GrantLines are the lines of a ReferenceGrant for a Secret and its Certificate, ready to be pasted into
// its spec. The names have to be valid ones.
func GrantLines(from GrantFrom, secret string) string {
	return fmt.Sprintf("from: [{group: %s, kind: %s, namespace: %q}]\nto: [%s, %s]",
		from.Group, from.Kind, from.Namespace, SecretItem(secret), CertificateItem(secret))
}

// CertificateItem is the item of a grant's spec.to that names a Certificate.
func CertificateItem(name string) string {
	return fmt.Sprintf("{group: %s, kind: %s, name: %q}", certificateGroup, certificateKind, name)
}

// SecretItem is the item of a grant's spec.to that names a Secret.
func SecretItem(name string) string {
	return fmt.Sprintf(`{group: "", kind: %s, name: %q}`, secretKind, name)
}
