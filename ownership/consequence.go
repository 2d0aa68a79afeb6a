package ownership

import (
	"slices"

	"github.com/certshim/certshim/certificate"
)

// Consequence is what comes of a Certificate if one thing is done about all fields that others
// hold with other values than the wanted ones.
type Consequence struct {
	Then certificate.Then `json:"then"`
	// Changes are the fields that get another value, as in [Field.Path].
	Changes []string `json:"changes"`
	// Reissue says whether that causes a new certificate.
	Reissue certificate.Reissue `json:"reissue"`
}

// Consequences are those of each choice that an operator has, for a Certificate of ours.
func Consequences(live, asked map[string]any) []Consequence {
	var all []Consequence
	for _, then := range certificate.Thens() {
		s := certificate.Settle(asked, live, certificate.Choice{Ownership: certificate.Ownership{
			Rules: []certificate.OwnershipRule{{Then: then}},
		}})
		all = append(all, Consequence{Then: then, Changes: s.Changes(), Reissue: s.Reissue()})
	}
	return all
}

// IsConflict reports whether somebody else holds a field with another value than the wanted one.
func (f Field) IsConflict() bool {
	isOther := func(h Holder) bool { return h.Class != Certshim || h.Operation != "Apply" }
	return f.Wanted != nil && !certificate.Equal(f.Live, f.Wanted) && slices.ContainsFunc(f.Holders, isOther)
}
