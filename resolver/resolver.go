package resolver

import "github.com/certshim/certshim/problem"

// The group and kinds of cert-manager's own issuers.
const (
	CertManagerGroup  = "cert-manager.io"
	IssuerKind        = "Issuer"
	ClusterIssuerKind = "ClusterIssuer"
)

// formerGroup is what cert-manager's group was called before its version 0.11.
const formerGroup = "certmanager.k8s.io"

// Scope says where issuers of a kind live.
type Scope string

// The scopes. ScopeUnknown is for a kind that neither the catalogue nor the cluster knows.
const (
	ScopeUnknown Scope = ""
	Namespaced   Scope = "Namespaced"
	Cluster      Scope = "Cluster"
)

// GroupKind is the key of the registry.
type GroupKind struct{ Group, Kind string }

// Lookup is what a source says about its issuer. Empty fields were not given.
type Lookup struct {
	// Name is the issuer's name by the annotation issuer, ClusterName by cluster-issuer.
	Name, ClusterName string
	Kind, Group       string
	// Auto is true when the source asks for the default issuer and names none.
	Auto bool
	// Default is the default issuer of this source, in place of the registry's; it has no
	// name where there is none.
	Default Defaults
	// Current is the reference of the Certificate that exists, if any: a completion
	// that fits it is preferred, so that a CRD installed later redirects nothing.
	Current Ref
}

// Ref is a complete reference to an issuer: Certificate's spec.issuerRef.
type Ref struct{ Group, Kind, Name string }

// Origin says where a value came from.
type Origin string

// The origins of an issuer.
const (
	FromAnnotation Origin = "annotation"
	FromDefault    Origin = "default"
	FromParent     Origin = "parent"
	FromPolicy     Origin = "policy"
	FromNamespace  Origin = "namespace"
)

// The origins that only other values of a Certificate have: the source's own fields, what is
// known of the issuer, and the Certificate as it is, which keeps them.
const (
	FromSource      Origin = "source"
	FromResolver    Origin = "resolver"
	FromCertificate Origin = "certificate"
)

// Issuer is the answer to a Lookup.
type Issuer struct {
	Ref
	Scope Scope
	// From is FromAnnotation or FromDefault.
	From Origin
}

// Field names the part of a Lookup that a problem is about; it stands in the problem's
// Key until the caller, who knows the annotation keys, puts the key there.
const (
	FieldName        = "issuer"
	FieldClusterName = "cluster-issuer"
	FieldKind        = "issuer-kind"
	FieldGroup       = "issuer-group"
)

// Defaults is the operator's default issuer: --default-issuer-name, -kind, -group.
type Defaults struct {
	Name  string // "" = there is none
	Kind  string // default Issuer
	Group string // default cert-manager.io
}

// Served tells which issuer kinds the cluster serves; a nil Served knows none. It is a
// snapshot in memory.
type Served interface {
	// Scope of a served kind, and whether it is served at all.
	Scope(GroupKind) (Scope, bool)
	// Groups that serve a kind of this name.
	Groups(kind string) []string
	// Issuers are the served kinds whose name ends in Issuer, in the order of group and kind.
	Issuers() []GroupKind
}

// Answer is what Resolve gives: an issuer, or problems of severity error, never neither.
type Answer struct {
	Issuer   Issuer
	OK       bool
	Problems problem.List
	// Suggestions are complete references that would be right, best first.
	Suggestions []Issuer
}
