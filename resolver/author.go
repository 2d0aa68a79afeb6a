package resolver

import "context"

// Resolver is implemented by authors for issuers that a declaration can't describe. It is
// compiled in, or reached through a socket.
//
// Resolve runs apart from decisions, and concurrently. It is called again when its statement's
// TTL has passed, when the issuer's object changes, when [Watcher] reports a change, and after a
// reconnect. It must give the same answer to the same question while nothing changes, respect
// the context, whose deadline the operator sets, and write nothing to the cluster. An error
// means "I don't know" and keeps the last statement in use; [Missing] means "I looked, and it
// doesn't exist".
type Resolver interface {
	// Describe returns the resolver's identity, which must stay the same for the life of the
	// process.
	Describe() Description
	Resolve(context.Context, Query) (Statement, error)
}

// Watcher is a resolver that learns of changes outside of Kubernetes. Watch calls changed, which
// doesn't block for long, until the context ends; if it returns earlier, it is called again.
type Watcher interface {
	Watch(ctx context.Context, changed func(Change)) error
}

// Description identifies a resolver.
type Description struct {
	// Name is a DNS label, Version any text of at most 64 bytes.
	Name, Version string
	Kinds         []DescribedKind
	// Grant limits the statements of a compiled-in resolver. Behind a socket, the grant in the
	// operator's configuration applies instead. [Query] has the one that counts.
	Grant Grant
}

// DescribedKind is a kind that a resolver answers for.
type DescribedKind struct {
	GroupKind
	Scope Scope
}

// Query asks about one issuer, always of a granted kind.
type Query struct {
	Issuer IssuerKey
	Scope  Scope
	// Observed is the part of the issuer's object that the operator exposes, as JSON. It is
	// empty if the object doesn't exist, isn't known, or is larger than [MaxObserved].
	Observed []byte
	// Grant is what the operator allows the statement to have, see [Statement.Check]; behind a
	// socket, as of the last handshake. What is beyond it is refused, so leave it out.
	Grant Grant
}

// MaxObserved is the size limit of an observed object, in bytes.
const MaxObserved = 8 << 10

// Change lists issuers, or whole kinds, whose statements may have changed.
type Change struct {
	Issuers []IssuerKey
	Kinds   []GroupKind
}

// Observe says how much of an issuer's object a resolver sees.
type Observe string

// The choices: nothing, metadata and status, or everything.
const (
	ObserveNone   Observe = "None"
	ObserveStatus Observe = "Status"
	ObserveFull   Observe = "Full"
)
