package resolver

import (
	"slices"
	"time"
)

// IssuerKey identifies an issuer in the cluster. Namespace is empty for cluster-scoped kinds.
type IssuerKey struct {
	GroupKind
	Namespace, Name string
}

// Statement is what a resolver states about one issuer, as plain data that certshim evaluates.
// It can only restrict and recommend: it has no field for a name, a host, a Secret, a label or
// the value of an annotation. The zero value states nothing.
type Statement struct {
	Existence Existence
	Ready     Readiness
	// Reason is in CamelCase and at most [MaxReason] bytes long. Message is for people, at most
	// [MaxMessage] bytes long, and never parsed.
	Reason, Message string
	Constraints     Constraints
	Values          Values
	// CopyAnnotations are keys that the issuer reads from the Certificate. Their values come
	// from the source.
	CopyAnnotations []string
	// Namespaces are those whose sources may use the issuer: nil means all, empty none.
	Namespaces []string
	// ProvesByRoute is set if the issuer proves each name by an HTTPRoute that attaches to the Gateway or
	// ListenerSet that asks, and to nothing else.
	ProvesByRoute bool
	// TTL is how long the statement is valid; 0 means the default.
	TTL time.Duration
}

// Existence says whether the issuer exists.
type Existence string

// The existences. MayExist means that it can't be determined.
const (
	MayExist Existence = ""
	Exists   Existence = "Exists"
	Missing  Existence = "Missing"
)

// Readiness says whether the issuer can sign now. It is informational and blocks nothing.
type Readiness string

// The readinesses.
const (
	ReadyUnknown Readiness = ""
	Ready        Readiness = "True"
	NotReady     Readiness = "False"
)

// Values are set on a Certificate where its source sets none. A zero field means no value.
type Values struct {
	// Usages are cert-manager's names of key usages.
	Usages      []string      `yaml:"usages,omitempty"`
	Duration    time.Duration `yaml:"duration,omitempty"`
	RenewBefore time.Duration `yaml:"renewBefore,omitempty"`
	PrivateKey  PrivateKey    `yaml:"privateKey,omitempty"`
	// CommonName sets the common name to the first DNS name of at most 64 bytes.
	CommonName bool `yaml:"commonName,omitempty"`
}

// PrivateKey is a key with one size at most, and what becomes of it at a renewal. Each may be given
// alone.
type PrivateKey struct {
	Key            `yaml:",inline"`
	RotationPolicy RotationPolicy `yaml:"rotationPolicy,omitempty"`
}

func (k PrivateKey) isSet() bool {
	return k.Algorithm != "" || len(k.Sizes) > 0 || k.RotationPolicy != ""
}

// Key is an algorithm, RSA, ECDSA or Ed25519, and its sizes. No size means all sizes in a rule,
// and the default size in a value, which has at most one.
type Key struct {
	Algorithm string `yaml:"algorithm"`
	Sizes     []int  `yaml:"sizes,omitempty"`
}

// Finding is what is currently known about an issuer, and where it comes from.
type Finding struct {
	Statement
	State State
	// Fault says why the finding isn't fresh.
	Fault Fault
	// By names the resolver: catalogue/step-issuer, plugin/corp-ca.
	By string
	// Hold asks to create no new Certificate while State is Never, since the resolver's grant
	// allows it to change Certificates.
	Hold bool
	// Overdue means that it hasn't answered for so long that users should be told.
	Overdue bool
}

// NotServedFinding is about an issuer of a kind that is neither declared nor served.
func NotServedFinding() Finding {
	return Finding{Statement: Statement{Existence: Missing}, State: Fresh, Fault: NotServed, By: "discovery"}
}

// State says how old a finding is.
type State string

// The states. Never means that the resolver hasn't answered since the start, or not for too
// long; the statement is empty.
const (
	Never State = "Never"
	Fresh State = "Fresh"
	Stale State = "Stale"
)

// Fault says why a finding isn't fresh.
type Fault string

// The faults of a resolver.
const (
	NoFault Fault = ""
	// NotServed means that the cluster doesn't have the kind: the issuer is missing.
	NotServed    Fault = "NotServed"
	Unreachable  Fault = "Unreachable"
	Timeout      Fault = "Timeout"
	WrongVersion Fault = "Version"
	Rejected     Fault = "Rejected"
	// Denied means that it calls an issuer missing that the cluster has. The cluster decides whether
	// an issuer exists, so this counts as no answer.
	Denied Fault = "Denied"
	Broken Fault = "Broken"
)

// Issuers is what is known about the issuers of a cluster: a snapshot in memory that doesn't
// change during a decision.
type Issuers interface {
	// Find returns the finding about an issuer, without Ready, Reason and Message; false means
	// that no resolver answers for its kind.
	Find(IssuerKey) (Finding, bool)
	// Readiness returns these three. It is called only if they are shown to somebody.
	Readiness(IssuerKey) (ready Readiness, reason, message string)
	// Near returns the issuer of a kind whose name is nearest to name, or "", in a namespace or,
	// if that is empty, among the cluster-scoped ones. With same set, only name itself counts.
	Near(kind GroupKind, namespace, name string, same bool) string
}

// Findings returns what resolvers stated. It is a snapshot in memory: it does no I/O, never
// waits, and is safe for concurrent use. A call also tells the resolver that the issuer is in
// use. A nil Findings knows nothing.
type Findings interface {
	// Find returns the finding about an issuer; false means that no resolver answers for its
	// kind.
	Find(IssuerKey) (Finding, bool)
}

// Callbacks connect resolvers that are asked apart from decisions to the rest of the program.
// Each may be nil; none may block for long.
type Callbacks struct {
	// Observed returns the visible part of an issuer's object as JSON, or nil.
	Observed func(IssuerKey) []byte
	// Exists says whether the cluster has an issuer, [MayExist] where that can't be known.
	Exists func(IssuerKey) Existence
	// Changed receives the issuers whose findings changed.
	Changed func([]IssuerKey)
	// Trouble receives a fault of a resolver itself, [WrongVersion], [Rejected] or [Broken], and
	// a text that is safe to show. Repeated faults are reported at intervals.
	Trouble func(name string, fault Fault, text string)
}

// In returns the finding with the existence that the cluster knows, unless that is [MayExist]. A
// resolver that calls an existing issuer missing has not answered: its statement has no rules, and
// must not count.
func (f Finding) In(existence Existence, fault Fault) Finding {
	if existence == MayExist {
		return f
	}
	if existence == Exists && f.Existence == Missing {
		return Finding{Statement: Statement{Existence: Exists}, State: Never, Fault: Denied, By: f.By, Hold: f.Hold, Overdue: f.Overdue}
	}
	f.Existence, f.Fault = existence, fault
	return f
}

// WithoutReadiness returns the finding in the form of [Issuers.Find].
func (f Finding) WithoutReadiness() Finding {
	f.Ready, f.Reason, f.Message = ReadyUnknown, "", ""
	return f
}

// Presentable returns the statement with a reason and a message that can be shown. Text that can't
// be shown is replaced or left out; the rest of the statement stays.
func (s Statement) Presentable() Statement {
	s.Reason, s.Message = presentable(s.Reason, s.Message)
	return s
}

// Allows reports whether sources of a namespace may use the issuer.
func (s Statement) Allows(namespace string) bool {
	return s.Namespaces == nil || slices.Contains(s.Namespaces, namespace)
}
