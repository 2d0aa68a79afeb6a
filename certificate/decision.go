package certificate

import "github.com/certshim/certshim/problem"

// Action is what is to be done about one Certificate.
type Action string

// The actions, as plan prints them.
const (
	// Create writes a Certificate that must not exist yet.
	Create Action = "create"
	// Apply writes the whole apply configuration over the Certificate we own.
	Apply Action = "apply"
	// None means it is up to date.
	None Action = "none"
	// Keep leaves a Certificate of ours as it is; the reason says why.
	Keep Action = "keep"
	// Wait does nothing until something happens that will wake the source.
	Wait Action = "wait"
	// Refuse makes or changes nothing, a stranger's Certificate included.
	Refuse Action = "refuse"
	// Delete removes a Certificate that is ours and no longer named by its source.
	Delete Action = "delete"
)

// Reissue says whether applying leads to a new certificate being signed.
type Reissue string

// The values of Reissue; unknown where it depends on the Secret, which nobody here reads.
const (
	ReissueNo      Reissue = "no"
	ReissueYes     Reissue = "yes"
	ReissueUnknown Reissue = "unknown"
)

// Decision is the outcome for one Secret. It is plain data.
type Decision struct {
	Namespace, Name string
	Action          Action
	// Reason is a sentence fragment for people: why this action.
	Reason string
	// Config is the apply configuration of Create and Apply, without guards: whole, with
	// metadata. Nil for the other actions, but for what plan shows of None.
	Config map[string]any
	// Want is the digest of Config.
	Want Digest
	// Guard holds for Apply, Delete and TakeOver.
	Guard Guard
	// TakeOver, if not nil, is sent before Config: a JSON patch of managedFields and
	// resourceVersion that makes the fields of cert-manager's shims ours, and changes no
	// value. Config follows as an ordinary apply, unless Unchanged is set.
	TakeOver []byte
	// Unchanged is true when Config equals the live values, so that the patch is all.
	Unchanged bool
	// Paced is true for a change that cert-manager's shim had ignored: takeover.changesPerMinute.
	Paced bool
	// NeedsLive is true when the decision can only be made with [Observed.Live]: read
	// the Certificate once and decide again. Action is then Wait.
	NeedsLive bool
	// Yielded are the fields left to other managers.
	Yielded []Conflict
	Reissue Reissue
	// Problems are about this Certificate; their object is the source.
	Problems problem.List
}

// Guard is what must still hold when a write arrives.
type Guard struct {
	UID string
	// ResourceVersion is empty where the uid alone guards.
	ResourceVersion string
}

// Conflict is a field that another field manager holds with another value.
type Conflict struct {
	// Field is the path as the API server writes it in a conflict: .spec.duration.
	Field string
	// Manager holds it by an operation of Apply or Update.
	Manager, Operation string
}
