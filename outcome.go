package certshim

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Policy is all that the operator decides. It is fixed for the life of a process and
// safe for concurrent use.
type Policy struct {
	Parser   *annotations.Parser
	Registry *resolver.Registry
	// AutoKinds are the kinds on which the auto annotations trigger; cert-manager's
	// shims honour them on Ingress alone.
	AutoKinds []string
	// ExtraProtocols count as TLS besides HTTPS and TLS.
	ExtraProtocols []string
	Certificate    certificate.Policy
	// Rules for some of the sources; the first that matches counts.
	Rules []Rule
	// NamespaceDefaults lets the issuer annotations of a Namespace name the issuer of its
	// sources that name none, where no rule does; the default of the Registry is the last.
	NamespaceDefaults bool
	// Explain fills in [Outcome.Values], which takes time.
	Explain bool
	// Offline means that what isn't observed may still exist: a ListenerSet whose
	// Gateway isn't in the input is judged as an admitted one, with a warning.
	Offline bool
}

// Observed is what a decision may read besides its source: a view of memory, the
// informer caches or the documents given to plan, that does not change during one
// decision. What it returns must not be modified.
type Observed interface {
	// Certificate of that name.
	Certificate(namespace, name string) (certificate.Observed, bool)
	// CertificatesOf gives those whose controller owner is the source: by uid, or by
	// group, kind and name where the reference has no uid.
	CertificatesOf(source.Ref) []certificate.Observed
	// CertificatesWriting gives those whose spec.secretName is the Secret.
	CertificatesWriting(namespace, secret string) []certificate.Observed
	// Claimants are the sources that name the Secret in any form.
	Claimants(namespace, secret string) []*source.Object
	// Gateway of that name.
	Gateway(namespace, name string) (*source.Object, bool)
	// Namespace of that name, with the annotations that annotations.Parser.ParseIssuer
	// reads; false where it can't be read.
	Namespace(name string) (Namespace, bool)
	// CertificateFields of the served CRD; nil where all are taken to be there.
	CertificateFields() certificate.Fields
	// Served issuer kinds; nil where nothing is known of the cluster.
	Served() resolver.Served
	// Issuers of the cluster; nil where nothing is known of any.
	Issuers() resolver.Issuers
}

// Outcome is everything that follows from one source.
type Outcome struct {
	Source source.Ref
	// Issuer is the resolved one; its Name is empty where there is none.
	Issuer resolver.Issuer
	// Certificates has one decision a Secret, in the order in which the source names
	// them, then those that it no longer names.
	Certificates []certificate.Decision
	// Values has where the values of each Certificate that has a configuration came from, by
	// its name; nil without [Policy.Explain].
	Values map[string][]Value
	// Problems are all of the source's, those of its decisions included.
	Problems problem.List
	// Awaits are the issuers whose appearance or readiness can change this outcome.
	Awaits []resolver.IssuerKey
	// AwaitsKinds is true where another kind of issuer in the cluster can change it.
	AwaitsKinds bool
	// OnLabels and OnAnnotations say that the labels of the source's Namespace, or the
	// issuer annotations on it, can change this outcome.
	OnLabels, OnAnnotations bool
	// HeldBy is the resolver for whose first answer a new Certificate waits, or empty.
	HeldBy string
	// Policy is the name of the rule that matches the source, or empty.
	Policy string
	// Ignored says why the object doesn't count at all; empty if it does.
	Ignored string
}
