package resolver

import (
	"slices"
	"time"
)

// IssuerKey names one issuer of the cluster. Namespace is empty for a kind whose issuers
// are cluster-scoped.
type IssuerKey struct {
	GroupKind
	Namespace, Name string
}

// Statement is what a resolver says of one issuer: plain data, which certshim evaluates. It
// has no field for a name, a host, a Secret, a label or a value of an annotation, so that a
// resolver can narrow and recommend, and nothing else. The zero value says nothing.
type Statement struct {
	Existence Existence
	Ready     Readiness
	// Reason is why, in CamelCase and at most [MaxReason] bytes; Message says it to people,
	// in at most [MaxMessage] bytes, and is never parsed.
	Reason, Message string
	Constraints     Constraints
	Values          Values
	// CopyAnnotations are keys that the issuer reads from the Certificate. The value is the
	// source's.
	CopyAnnotations []string
	// Namespaces are those whose sources may use the issuer: nil is all, empty is none.
	Namespaces []string
	// TTL is how long the statement holds; 0 is the registry's default.
	TTL time.Duration
}

// Existence says whether the issuer is there.
type Existence string

// The existences. MayExist means that nobody can tell.
const (
	MayExist Existence = ""
	Exists   Existence = "Exists"
	Missing  Existence = "Missing"
)

// Readiness says whether the issuer can sign now. It is advice: it blocks nothing.
type Readiness string

// The readinesses.
const (
	ReadyUnknown Readiness = ""
	Ready        Readiness = "True"
	NotReady     Readiness = "False"
)

// Values are those of a Certificate whose source doesn't say. A zero field is no value.
type Values struct {
	// Usages by cert-manager's names.
	Usages      []string      `yaml:"usages,omitempty"`
	Duration    time.Duration `yaml:"duration,omitempty"`
	RenewBefore time.Duration `yaml:"renewBefore,omitempty"`
	PrivateKey  Key           `yaml:"privateKey,omitempty"`
	// CommonName makes the first DNS name the common name, where it has 64 bytes at most.
	CommonName bool `yaml:"commonName,omitempty"`
}

// Key is an algorithm, RSA, ECDSA or Ed25519, and its sizes: none mean all of them in a rule,
// and the algorithm's default in a value, which has one at most.
type Key struct {
	Algorithm string `yaml:"algorithm"`
	Sizes     []int  `yaml:"sizes,omitempty"`
}

// Finding is what is known of an issuer now, and from whom.
type Finding struct {
	Statement
	State State
	// Fault says why the finding isn't fresh.
	Fault Fault
	// By names the resolver: catalogue/step-issuer, plugin/corp-ca.
	By string
	// Hold asks that no new Certificate be made until the resolver has answered once: its
	// grant can change what a Certificate says.
	Hold bool
	// Overdue says that it has not answered for so long that people should hear of it.
	Overdue bool
}

// NotServedFinding is about an issuer of a kind that nobody declares and no server serves.
func NotServedFinding() Finding {
	return Finding{Statement: Statement{Existence: Missing}, State: Fresh, Fault: NotServed, By: "discovery"}
}

// State says how old a finding is.
type State string

// The states. Never means that the resolver has said nothing since the start, or too long
// ago: the statement is empty.
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
	// NotServed means that the cluster has no such kind: the issuer is missing.
	NotServed    Fault = "NotServed"
	Unreachable  Fault = "Unreachable"
	Timeout      Fault = "Timeout"
	WrongVersion Fault = "Version"
	Rejected     Fault = "Rejected"
	Broken       Fault = "Broken"
)

// Issuers is what is known of the issuers of a cluster: a snapshot in memory that doesn't
// change during a decision.
type Issuers interface {
	Findings
	// Names of the issuers of a kind, in a namespace, or of the cluster where it is empty.
	// They are for suggestions, so that none need be complete.
	Names(kind GroupKind, namespace string) []string
}

// Findings gives what resolvers said; a nil Findings knows nothing. It is a snapshot in
// memory: it does no I/O, waits for nobody, and is safe for concurrent use. Asking for an
// issuer is also how resolvers learn that somebody uses it.
type Findings interface {
	// Find gives what is known of an issuer; false means that no resolver speaks for its kind.
	Find(IssuerKey) (Finding, bool)
}

// Callbacks are how resolvers that are asked beside the decisions learn from the cluster, and
// tell what is new. Each may be nil; none may block for long.
type Callbacks struct {
	// Observed gives what is to be seen of an issuer's object, as JSON, or nil.
	Observed func(IssuerKey) []byte
	// Changed is told of issuers of which something else is known than before.
	Changed func([]IssuerKey)
	// Trouble is told of a resolver that is itself wrong: [WrongVersion], [Rejected] or [Broken].
	// The text is fit to be shown. Each fault is told once in a while.
	Trouble func(name string, fault Fault, text string)
}

// Allows says whether sources of a namespace may use the issuer.
func (s Statement) Allows(namespace string) bool {
	return s.Namespaces == nil || slices.Contains(s.Namespaces, namespace)
}
