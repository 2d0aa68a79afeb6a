package certificate

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Policy is the part of the operator's policy that a Certificate depends on.
type Policy struct {
	// Labels says which labels of a source are copied.
	Labels *annotations.Labels
	// Ownership says what is done about fields that others hold.
	Ownership Ownership
	// HoldPaced keeps Certificates as they are whose change would be [Decision.Paced]: no change a
	// minute is allowed.
	HoldPaced bool
	// ManualTakeOver leaves Certificates alone that cert-manager's shims made, until an operator adopts them.
	ManualTakeOver bool
	// Adoption is what is taken over beyond what always is, nil for nothing.
	Adoption *Adoption
}

// Fields reports whether the served Certificate CRD has a field, by path
// (spec.renewBeforePercentage). A nil Fields means that it has all.
type Fields func(path string) bool

// Input is everything that a decision about one Secret depends on.
type Input struct {
	Policy Policy
	Fields Fields
	Source *source.Object
	// IsRead reports whether the source's annotation of a key is read to be copied for an issuer: only
	// those are that some resolver is granted. A nil IsRead means that all are.
	IsRead func(key string) bool
	// Kind of the source.
	Kind    source.Kind
	Ask     source.Ask
	Request annotations.Request
	Issuer  resolver.Issuer
	// Statement is what is known about the issuer; its constraints are checked.
	Statement resolver.Statement
	// Subject is the operator's subject for a new Certificate, or one that moves to another
	// issuer, if the source sets none.
	Subject annotations.Subject
	// Retain lets the Certificate outlive the source: a tie takes the place of the owner reference.
	Retain bool
	// keepRetained says so on the Certificate itself, where the source and the operator don't.
	keepRetained bool
	// Routes is the value of the annotation [RoutesKey], "" for a Certificate without names of routes.
	Routes string
	// Hold says why no new Certificate may be created yet, if it may not. It is set while something
	// that could change the Certificate, such as the resolver's answer, isn't known.
	Hold Reason
	// Existing is the Certificate with the Secret's name, or nil.
	Existing *Observed
	// Writers are Certificates of other names whose spec.secretName is the Secret.
	Writers []Observed
	// First is another source that comes before this one for the Secret, or nil. It counts only
	// while no Certificate exists; after that, the controller owner comes first.
	First *Rival
	// Other is another source that names the Secret, or nil. It counts only if Existing is
	// [Claimable] or [Restored], or may be adopted.
	Other *source.Ref
	// IsGone reports whether it is certain that no source has a uid. It counts only if Existing is
	// [Restored]; nil means that nothing is certain.
	IsGone func(uid string) bool
	// Edit is whether the source was edited, and MayHaveBeenFulfilled whether all that it asked for may have been done at some time.
	Edit                 Edit
	MayHaveBeenFulfilled bool
	// Offline means that Existing is from a document: one without managedFields is judged by its
	// values alone.
	Offline bool
	// Owner is the other source that is the controller owner of Existing and names the Secret, or
	// nil. It counts for what is said.
	Owner *Rival
}
