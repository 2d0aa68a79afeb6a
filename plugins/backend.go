package plugins

import (
	"context"
	"errors"

	"github.com/certshim/certshim/resolver"
)

// Backend connects to one resolver.
type Backend interface {
	// Connect begins a session. An error is an [Error]. A session returned with an error can't
	// be used, but its end is worth waiting for before the next attempt.
	Connect(context.Context) (Session, error)
}

// Session is one connection to a resolver. Its methods may be called concurrently.
type Session interface {
	// Ask asks about a batch of issuers and returns one reply per query, in order. An error,
	// which is an [Error], concerns the whole batch.
	Ask(context.Context, []resolver.Query) ([]Reply, error)
	// Healthy returns nil while the resolver can answer.
	Healthy(context.Context) error
	// Watch calls changed until the stream or the context ends. It returns [ErrNoWatch] at once
	// if the resolver doesn't report changes.
	Watch(ctx context.Context, changed func(resolver.Change)) error
	// Lost is closed when the connection is lost.
	Lost() <-chan struct{}
	Close()
}

// Reply is the answer to one query: a statement, or why there is none.
type Reply struct {
	Statement resolver.Statement
	// Failed means that the resolver couldn't answer for this issuer, or, if it is an [Error]
	// whose fault is [resolver.Rejected], that its answer makes no sense.
	Failed error
}

// ErrNoWatch is returned by a session's Watch if the resolver doesn't report changes.
var ErrNoWatch = errors.New("the resolver tells of no changes")

// Error is a failure of a resolver and its class.
type Error struct {
	Fault resolver.Fault
	// Cause details a fault of [resolver.Rejected].
	Cause Cause
	Err   error
}

// Cause is why an answer was rejected.
type Cause string

// The causes.
const (
	// PastGrant means that it exceeds the operator's grant.
	PastGrant Cause = "PastGrant"
	// WrongIDs means that the answers don't match the queries.
	WrongIDs Cause = "WrongIDs"
	// Malformed means that no grant allows it.
	Malformed Cause = "Malformed"
)

func causes() []Cause { return []Cause{PastGrant, WrongIDs, Malformed} }

// Reject returns the error for a rejected answer or introduction.
func Reject(cause Cause, err error) error {
	return &Error{Fault: resolver.Rejected, Cause: cause, Err: err}
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// causeOf returns why an answer was rejected, "" for other faults.
func causeOf(err error) Cause {
	var known *Error
	if !errors.As(err, &known) || known.Fault != resolver.Rejected {
		return ""
	}
	return known.Cause
}

// faultOf returns the class of an error; one of unknown type counts as a failed connection.
func faultOf(err error) resolver.Fault {
	var known *Error
	switch {
	case err == nil:
		return resolver.NoFault
	case errors.As(err, &known):
		return known.Fault
	case errors.Is(err, context.DeadlineExceeded):
		return resolver.Timeout
	}
	return resolver.Unreachable
}
