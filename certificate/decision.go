package certificate

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// Action is what to do about one Certificate.
type Action string

// The actions, as plan prints them.
const (
	// Create creates a Certificate that doesn't exist yet.
	Create Action = "create"
	// Apply applies the whole configuration to a Certificate of ours.
	Apply Action = "apply"
	// None means that the Certificate is up to date.
	None Action = "none"
	// Keep leaves a Certificate of ours as it is, for the decision's Reason.
	Keep Action = "keep"
	// Wait does nothing until an event queues the source again.
	Wait Action = "wait"
	// Refuse creates and changes nothing, and leaves a Certificate of another owner alone.
	Refuse Action = "refuse"
	// Delete deletes a Certificate of ours that its source no longer names.
	Delete Action = "delete"
)

// Reissue says whether an apply causes a new certificate to be signed.
type Reissue string

// The values of Reissue. It is unknown if it depends on the Secret, which certshim never reads.
const (
	ReissueNo      Reissue = "no"
	ReissueYes     Reissue = "yes"
	ReissueUnknown Reissue = "unknown"
)

// Decision is the outcome for one Secret, as plain data.
type Decision struct {
	Namespace, Name string
	Action          Action
	// Reason says why.
	Reason Reason
	// Config is the complete apply configuration of Create and Apply, without guards. It is also
	// set for None, for plan to show, and nil for the other actions.
	Config map[string]any
	// Asked is the configuration that the source asks for, before fields are left to others; nil if
	// the decision doesn't get so far as to build one. What must not be lost is kept in it once
	// the live Certificate is read.
	Asked map[string]any
	// Choice is what is done about fields of Asked that others hold.
	Choice Choice
	// Want is the digest of Config.
	Want Digest
	// Guard protects Apply, Delete and TakeOver.
	Guard Guard
	// TakeOver, if not nil, is a JSON patch to send before Config. It changes managedFields so
	// that the fields of cert-manager's shims become ours, and no value. Config follows as an
	// ordinary apply, unless Unchanged is set.
	TakeOver []byte
	// Unchanged is true if Config equals the live values, so that TakeOver alone suffices.
	Unchanged bool
	// Force is true if Config has to take fields from those who updated them. Guard then has the
	// resourceVersion of the Certificate by which that was decided.
	Force bool
	// Continues is true if Config is only the beginning: the source is decided about once more when it is written. Changes
	// and Reissue are of the whole, which is Paced then.
	Continues bool
	// PutBack are the fields that somebody else changed and that Config gives their values again.
	PutBack []PutBack
	// Adopted is true if an operator's choice makes a Certificate the source's that isn't.
	Adopted bool
	// Changes are the fields to which an Apply that was decided by the live Certificate gives other values.
	Changes []Change
	// Paced is true for a change that is subject to takeover.changesPerMinute: of fields that
	// cert-manager's shim holds, or others, if this process hasn't seen them change, of names of
	// which the Certificate has two spellings, and one that leads to a new certificate though nobody
	// edited the source.
	Paced bool
	// Confirm is true if the source is to be read from the API server before this is sent, and to lead to the same: what is
	// known of it may be older than what the Certificate was made of.
	Confirm bool
	// Have and Version are the digest of what we own and the resourceVersion of the Certificate
	// that was decided about.
	Have    Digest
	Version string
	// NeedsLive is true if the decision needs [Observed.Live]: read the Certificate and decide
	// again. Action is then Wait.
	NeedsLive bool
	// Again is when the source is to be decided about again at the latest, zero for not before something
	// changes.
	Again time.Time
	// Yielded are the fields left to other field managers.
	Yielded []Conflict
	// Failed are the fields for whose sake nothing of the Certificate changes.
	Failed  []Conflict
	Reissue Reissue
	// Problems are about this Certificate; their object is the source.
	Problems problem.List
}

// At is where the Certificate is.
func (d Decision) At() types.NamespacedName {
	return types.NamespacedName{Namespace: d.Namespace, Name: d.Name}
}

// NameFrom is the name of something as it is written for people who see a source: with its namespace if
// that is another one.
func NameFrom(object *source.Object, at types.NamespacedName) string {
	if at.Namespace == object.Namespace {
		return at.Name
	}
	return at.String()
}

// Guard is the precondition of a write.
type Guard struct {
	UID string
	// ResourceVersion is empty if the uid alone is checked.
	ResourceVersion string
}

// Conflict is a field that another field manager holds with a different value.
type Conflict struct {
	// Field is the path as the API server writes it in conflicts: .spec.duration.
	Field string
	// Manager holds the field by Operation, which is Apply or Update.
	Manager, Operation string
	// Rule is the number of the operator's rule that says what is done about it, counted from 1; 0 is
	// a default, or the source's choice.
	Rule int
	// Rounds is how often the manager took the field, where it is left to them for that; else 0.
	Rounds int
	// Lost is a name that the Certificate had, and hasn't with the value of the manager. Nothing changes
	// then, whatever is chosen.
	Lost string
}
