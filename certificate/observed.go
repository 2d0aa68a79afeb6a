package certificate

import "github.com/certshim/certshim/resolver"

// FieldManager is the name under which certshim applies, on every version and replica.
const FieldManager = "certshim"

// Observed is what the cache keeps of a Certificate.
type Observed struct {
	Namespace, Name, UID, ResourceVersion string
	// Secret is spec.secretName.
	Secret string
	// Issuer is spec.issuerRef, with cert-manager's defaults filled in.
	Issuer resolver.Ref
	// Held are the values that came from a resolver, nil for none.
	Held *Held
	// Owner is the controller owner reference; its zero value means there is none.
	Owner Owner
	// Have is the digest of what our Apply entry owns, with the live values.
	Have Digest
	// Flags tell what else a decision has to know.
	Flags Flags
	// Live is the object as the server has it, or nil where it was not read. Decisions
	// that need it say so by [Decision.NeedsLive].
	Live map[string]any
}

// Owner is an owner reference with controller: true. Group has no version.
type Owner struct {
	Group, Kind, Name, UID string
}

// Flags are facts about a Certificate's managedFields and metadata.
type Flags uint16

const (
	// Applied is set when there is an Apply entry of [FieldManager].
	Applied Flags = 1 << iota
	// ShimEntries is set when a field manager of cert-manager's shims, an Update entry
	// of ours, or before-first-apply holds a field of the main resource: one that we hold
	// too, or any where we hold none or its entry is younger than ours. Fields of a shim
	// that an earlier take-over left behind are therefore not counted; they are in
	// OthersHold.
	ShimEntries
	// OthersHold is set when any manager but our Apply entry holds a field of labels,
	// annotations, ownerReferences or spec.
	OthersHold
	// UnservedEntries is set when an entry names a version of cert-manager.io that is
	// no longer served: every apply fails until that entry is rewritten.
	UnservedEntries
	// Deleting is set once metadata.deletionTimestamp is.
	Deleting
	// Untracked is set when there are no managedFields at all: a manifest from a file.
	Untracked
	// TakenOver is set by the controller, never by [Observe]: this process has written
	// the Certificate before. Entries of a shim are then a sign that the shim still runs.
	TakenOver
)

// Has says whether all of the given flags are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Digest is an order-free hash of (path, value) pairs and their number. It is compared
// in memory only: its seed differs from process to process.
type Digest struct {
	Sum    uint64
	Leaves uint32
}
