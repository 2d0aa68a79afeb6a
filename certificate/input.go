package certificate

import (
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// Policy is the operator's part of what a Certificate holds.
type Policy struct {
	// Labels says which labels of a source its Certificate gets.
	Labels *annotations.Labels
}

// Fields tells whether the served Certificate CRD has a field, by its path
// (spec.renewBeforePercentage). A nil Fields has all.
type Fields func(path string) bool

// Input is everything a decision about one Secret reads.
type Input struct {
	Policy  Policy
	Fields  Fields
	Source  *source.Object
	Ask     source.Ask
	Request annotations.Request
	Issuer  resolver.Issuer
	// Statement is what is known of the issuer: its rules are judged.
	Statement resolver.Statement
	// Subject of a Certificate that is made, or moves to another issuer, whose source says
	// nothing of it: the operator's.
	Subject annotations.Subject
	// Hold says why no new Certificate may be made yet, or "": what isn't known yet, such as
	// what the issuer's resolver says of it, can change what the Certificate holds.
	Hold string
	// Existing is the Certificate of that name, or nil.
	Existing *Observed
	// Writers are the Certificates whose spec.secretName is the Secret, Existing among
	// them if it is one.
	Writers []Observed
	// First is another source that comes before this one for the Secret, or nil. It
	// counts only while no Certificate exists: after that its controller owner is first.
	First *source.Ref
}
