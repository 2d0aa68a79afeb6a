package certshim

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/routes"
	"github.com/certshim/certshim/source"
)

// Policy is all that the operator decides. It is fixed for the life of a process and
// safe for concurrent use.
type Policy struct {
	Parser   *annotations.Parser
	Registry *resolver.Registry
	// Kinds of source that there are.
	Kinds source.Kinds
	// AutoKinds are the kinds on which the auto annotations trigger; cert-manager's
	// shims honour them on Ingress alone.
	AutoKinds []string
	// ExtraProtocols count as TLS besides HTTPS and TLS.
	ExtraProtocols []string
	Certificate    certificate.Policy
	// Serve is the part of the namespaces whose sources are decided about.
	Serve Share
	// Rules for some of the sources; the first that matches counts.
	Rules []Rule
	// NamespaceDefaults lets the issuer annotations of a Namespace name the issuer of its
	// sources that name none, where no rule does; the default of the Registry is the last.
	NamespaceDefaults bool
	// HideIssuerStatus leaves the status of cluster-scoped issuers out of problems, since authors of
	// sources may not be allowed to read it in the cluster.
	HideIssuerStatus bool
	// RetainUnneeded lets Certificates outlive their sources where those don't say.
	RetainUnneeded bool
	// CrossNamespace says when sources may have Certificates in other namespaces.
	CrossNamespace Crossing
	// Routes is about the names of attached routes; nil means that none counts.
	Routes *RouteNames
	// Explain fills in [Outcome.Values], which takes time.
	Explain bool
	// Offline means that what isn't observed may still exist: a ListenerSet whose
	// Gateway isn't in the input is judged as an admitted one, with a warning.
	Offline bool
}

// RouteNames says which names of routes may go into the Certificates of the Gateways and ListenerSets that
// they attach to.
type RouteNames struct {
	// Kinds of routes, see [routes.Kinds].
	Kinds []string
	// Suffixes are the domains of which a namespace may bring names. One that isn't listed may bring none.
	Suffixes map[string][]string
	// Limits on the names of one Certificate.
	routes.Limits
	// ReplaceWildcards lets the wildcard of a listener give way to the names of its routes.
	ReplaceWildcards bool
}

// Reads are the kinds of routes that have to be read; none for nil.
func (r *RouteNames) Reads() []string {
	if r == nil {
		return nil
	}
	return r.Kinds
}

// Outcome is everything that follows from one source.
type Outcome struct {
	Source source.Ref
	// Issuer is the resolved one; its Name is empty where there is none.
	Issuer resolver.Issuer
	// Certificates has one decision a Secret, in the order in which the source names
	// them, then those that it no longer names.
	Certificates []certificate.Decision
	// Values has where the values of each Certificate that has a configuration came from; nil
	// without [Policy.Explain].
	Values map[types.NamespacedName][]Value
	// Problems are all of the source's, those of its decisions included.
	Problems problem.List
	// HeldBy is the resolver for whose first answer a new Certificate waits, or empty.
	HeldBy string
	// Sections are the Secrets that have annotations of their own by certshim.io/sections.
	Sections []Section
	// Policy is the name of the rule that matches the source, or empty.
	Policy string
	// Ignored says why the object doesn't count at all, if it doesn't.
	Ignored certificate.Reason
}

// Section says which section counts for a Secret, and which issuer that means.
type Section struct {
	Secret types.NamespacedName
	Name   string
	// Issuer is without a name where there is none.
	Issuer resolver.Issuer
}

// SectionOf gives the section that counts for a Secret, nil for none.
func (o Outcome) SectionOf(secret types.NamespacedName) *Section {
	for i := range o.Sections {
		if o.Sections[i].Secret == secret {
			return &o.Sections[i]
		}
	}
	return nil
}

// IssuerOf gives the issuer that is meant for a Secret.
func (o Outcome) IssuerOf(secret types.NamespacedName) resolver.Issuer {
	if section := o.SectionOf(secret); section != nil {
		return section.Issuer
	}
	return o.Issuer
}

// Crossing says under which conditions sources may have Certificates in other namespaces than their own.
type Crossing string

// The values of Crossing; empty is CrossOff.
const (
	// CrossOff lets none.
	CrossOff Crossing = "off"
	// CrossGrant lets those for which ReferenceGrants allow the Secret and, by its name, the Certificate.
	CrossGrant Crossing = "grant"
	// CrossSecretGrant also lets those for which a ReferenceGrant allows the Secret by its name.
	CrossSecretGrant Crossing = "secretGrant"
)

// Allows says whether what the grants of a namespace say of a Secret is enough to have a Certificate there.
func (c Crossing) Allows(granted source.Granted) bool {
	switch c {
	case CrossGrant:
		return granted.Secret && granted.Certificate
	case CrossSecretGrant:
		return granted.Secret && granted.Certificate || granted.SecretByName
	case CrossOff:
	}
	return false
}

// GrantFrom is how a ReferenceGrant names the sources that a source is one of.
func GrantFrom(ref source.Ref) source.GrantFrom {
	return source.GrantFrom{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace}
}

// The origins of an issuer besides those that a resolver knows.
const (
	FromParent    resolver.Origin = "parent"
	FromPolicy    resolver.Origin = "policy"
	FromNamespace resolver.Origin = "namespace"
)

// The origins that only other values of a Certificate have: the source's own fields, what is
// known of the issuer, and the Certificate as it is, which keeps them.
const (
	FromSource      resolver.Origin = "source"
	FromResolver    resolver.Origin = "resolver"
	FromCertificate resolver.Origin = "certificate"
	FromRoute       resolver.Origin = "route"
)

// Unreadable is what becomes of an object of which nothing but its reference can be read: all
// stays as it is, and the problem says why.
func Unreadable(object *source.Object, why string) Outcome {
	outcome := Outcome{Source: object.Ref, Ignored: certificate.Because(certificate.CauseSourceUnreadable)}
	outcome.Problems.Add(problem.Problem{
		Severity: problem.Error, Object: object.Object(), Reason: problem.BadConfig,
		Message: "the object can't be read, so that its Certificates stay as they are: " + why,
	})
	return outcome
}
