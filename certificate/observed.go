package certificate

import (
	"cmp"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/resolver"
)

// FieldManager is the field manager of all certshim applies, in every version and replica.
const FieldManager = "certshim"

// Observed is what the cache holds of a Certificate.
type Observed struct {
	Namespace, Name, UID, ResourceVersion string
	// Secret is spec.secretName.
	Secret string
	// Issuer is spec.issuerRef, with cert-manager's defaults filled in.
	Issuer resolver.Ref
	// Held are the values that came from a policy or resolver, nil for none.
	Held *Held
	// Owner is the controller owner reference; zero if there is none. While the flag Tied is set it
	// is the source that the tie names.
	Owner Owner
	// Tie is the annotation [TieKey], which [ParseTie] reads; empty if there is none. One that is
	// too long to be read is cut.
	Tie string
	// Respected is the annotation [RespectedKey], empty if it is too long.
	Respected string
	// Routed is what names of routes go by, nil for a Certificate that has none.
	Routed *Routed
	// Have is the digest of the fields that our Apply entry owns, with their live values.
	Have Digest
	// Standing is how many fields are whose.
	Standing Standing
	// Flags hold facts about managedFields and metadata.
	Flags Flags
	// Others stands for the values of the fields that others hold beside us, as long as this process
	// runs: what is left to them, or fails for their sake, may be decided anew once it changes.
	Others uint64
	// Before is what Have was before the Certificate was disturbed, while the flag Disturbed is set.
	Before Digest
	// Fights are the fields that somebody takes from us again and again, as this process has seen.
	Fights []Fight
	// Live is the object from the server, nil unless it was read for this decision. A decision
	// that needs it sets [Decision.NeedsLive].
	Live map[string]any
}

// Owner is an owner reference with controller: true. Group has no version.
type Owner struct {
	Group, Kind, Name, UID string
	// Namespace of the owner if it isn't the Certificate's, which only a tie can say; else "".
	Namespace string
}

// OwnerNamespace is the namespace of the owner.
func (o Observed) OwnerNamespace() string { return cmp.Or(o.Owner.Namespace, o.Namespace) }

// IsForeign reports whether the owner is in another namespace than the Certificate.
func (o Observed) IsForeign() bool { return o.Owner.Namespace != "" }

// FullName is where the Certificate is.
func (o Observed) FullName() types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
}

// Flags are facts about a Certificate's managedFields and metadata.
type Flags uint16

const (
	// Applied is set if there is an Apply entry of [FieldManager].
	Applied Flags = 1 << iota
	// ShimEntries is set if one of cert-manager's shims, an Update entry of ours or
	// before-first-apply holds a field of the main resource that we hold too; or any field, if
	// we have no entry or an older one. Fields that an earlier take-over left to a shim are
	// therefore not counted here, but in OthersHold.
	ShimEntries
	// OthersHold is set if any manager but our Apply entry holds a field of labels, annotations,
	// ownerReferences or spec.
	OthersHold
	// UnservedEntries is set if an entry names a version of cert-manager.io that is no longer
	// served: every apply fails until that entry is rewritten.
	UnservedEntries
	// Deleting is set if metadata.deletionTimestamp is.
	Deleting
	// Untracked is set if there are no managedFields at all, as in a manifest from a file.
	Untracked
	// TakenOver is set by the controller, never by [Observe], once this process has written the
	// Certificate. Newer entries of a shim then mean that the shim still runs.
	TakenOver
	// Settled is set by the inventory, never by [Observe], once this process has found the
	// Certificate as it is wanted, or made it so: it sees what changes from then on.
	Settled
	// Disturbed is set by the inventory, never by [Observe], if a Certificate that was settled
	// owns something else now without our doing, or if the last write of this process came out otherwise.
	Disturbed
	// Tied is set if there is no controller owner reference and our Apply entry holds a tie of this
	// Certificate to a source with a uid: the source is the owner, but the Certificate outlives it.
	Tied
	// MoreThere is set, where OthersHold isn't, if there is a field of labels, annotations,
	// ownerReferences, finalizers or spec that our Apply entry doesn't hold, or an entry of
	// managedFields that isn't as the API server writes it.
	MoreThere
	// LacksNames is set by the inventory, never by [Observe], once others have taken names away, until
	// the Certificate is as it is wanted.
	LacksNames
	// Retained is set if the Certificate itself has the annotation that lets it outlive its source, as
	// one has that was adopted. What the source says counts before that.
	Retained
	// Disowned is set if our Apply entry names an owner reference and there is no controller owner, as
	// after a restore from a backup.
	Disowned
)

// ofThisProcess are the flags that only this process knows of.
const ofThisProcess = TakenOver | Settled | Disturbed | LacksNames

// Has reports whether all of the given flags are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Digest is an order-independent hash of (path, value) pairs, and their number. It is only
// compared in memory: its seed differs between processes.
type Digest struct {
	Sum    uint64
	Leaves uint32
}
