package resolver

import "context"

// Resolver is what an author writes for issuers that a declaration can't describe. It may be
// compiled in, or stand behind a socket.
//
// Resolve is called beside the decisions, never on their path: several times at once, again
// when its statement is past its TTL, when the issuer's object changes, when [Watcher] says
// so, and after a reconnect. The same question in the same state of the world has the same
// answer. It honours the context, whose deadline is the operator's. It writes nothing to the
// cluster. An error means "I don't know" and leaves the last statement in use; [Missing]
// means "I looked, and it isn't there".
type Resolver interface {
	// Describe says who it is; the same for the life of the process.
	Describe() Description
	Resolve(context.Context, Query) (Statement, error)
}

// Watcher is a resolver that hears of changes outside of Kubernetes. Watch calls changed,
// which doesn't block for long, until the context ends; another return is taken up again.
type Watcher interface {
	Watch(ctx context.Context, changed func(Change)) error
}

// Description is who a resolver is.
type Description struct {
	// Name is a DNS label, Version any text of at most 64 bytes.
	Name, Version string
	Kinds         []DescribedKind
	// Grant is what it may say where it is compiled in; behind a socket the operator's
	// configuration says it.
	Grant Grant
}

// DescribedKind is a kind that a resolver speaks for.
type DescribedKind struct {
	GroupKind
	Scope Scope
}

// Query asks about one issuer, always of a granted kind.
type Query struct {
	Issuer IssuerKey
	Scope  Scope
	// Observed is the issuer's object as JSON, as far as the operator shows it; empty where it
	// isn't there, isn't known, or has more than [MaxObserved] bytes.
	Observed []byte
}

// MaxObserved is the largest observed object.
const MaxObserved = 8 << 10

// Change names issuers, or whole kinds, of which something else may be true now.
type Change struct {
	Issuers []IssuerKey
	Kinds   []GroupKind
}

// Observe says how much of an issuer's object a resolver sees.
type Observe string

// The choices: nothing, metadata and status, or all of it.
const (
	ObserveNone   Observe = "None"
	ObserveStatus Observe = "Status"
	ObserveFull   Observe = "Full"
)
