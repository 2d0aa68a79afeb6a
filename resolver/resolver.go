package resolver

import "github.com/certshim/certshim/problem"

// The group and kinds of cert-manager's own issuers.
const (
	CertManagerGroup  = "cert-manager.io"
	IssuerKind        = "Issuer"
	ClusterIssuerKind = "ClusterIssuer"
)

// formerGroup is cert-manager's group before version 0.11.
const formerGroup = "certmanager.k8s.io"

// Scope says whether issuers of a kind are namespaced.
type Scope string

// The scopes. ScopeUnknown is for a kind that neither the catalogue nor the cluster knows.
const (
	ScopeUnknown Scope = ""
	Namespaced   Scope = "Namespaced"
	Cluster      Scope = "Cluster"
)

// GroupKind is the key of the registry.
type GroupKind struct{ Group, Kind string }

// Lookup is the issuer as a source names it. Empty fields weren't given.
type Lookup struct {
	// Name is the value of the annotation issuer, ClusterName that of cluster-issuer.
	Name, ClusterName string
	Kind, Group       string
	// Auto is true if the source asks for the default issuer.
	Auto bool
	// Default is a default issuer for this source that replaces the registry's; without a name,
	// there is none.
	Default Defaults
	// Current is the issuerRef of the existing Certificate, if any. If several groups are
	// possible, its group is preferred, so that a CRD installed later doesn't change the issuer.
	Current Ref
}

// Ref is a complete reference to an issuer: a Certificate's spec.issuerRef.
type Ref struct{ Group, Kind, Name string }

// Origin says where a value came from. The callers of this package define further ones.
type Origin string

// The origins of an issuer in this package.
const (
	FromAnnotation Origin = "annotation"
	FromDefault    Origin = "default"
)

// Issuer is the result of a Lookup.
type Issuer struct {
	Ref
	Scope Scope
	// From is FromAnnotation or FromDefault.
	From Origin
}

// A Field names the part of a Lookup that a problem is about. It is the problem's Key until the
// caller replaces it with the annotation's key.
const (
	FieldName        = "issuer"
	FieldClusterName = "cluster-issuer"
	FieldKind        = "issuer-kind"
	FieldGroup       = "issuer-group"
)

// Defaults is the operator's default issuer: --default-issuer-name, -kind, -group.
type Defaults struct {
	Name  string // "" means none
	Kind  string // default Issuer
	Group string // default cert-manager.io
}

// Served says which issuer kinds the cluster serves. It is a snapshot in memory; a nil Served
// has none.
type Served interface {
	// Scope returns the scope of a kind, and whether it is served.
	Scope(GroupKind) (Scope, bool)
	// Groups returns the groups that serve a kind of this name.
	Groups(kind string) []string
	// Issuers returns the served kinds whose name ends in Issuer, sorted by group and kind.
	Issuers() []GroupKind
}

// Answer is the result of Resolve: an issuer, or problems of severity error.
type Answer struct {
	Issuer   Issuer
	OK       bool
	Problems problem.List
	// Suggestions are valid references that may have been meant, best first.
	Suggestions []Issuer
}
