package plugins

import (
	"context"
	"errors"

	"github.com/certshim/certshim/resolver"
)

// Backend reaches one resolver.
type Backend interface {
	// Connect begins a session. An error is an [Error]. A session beside an error is one that
	// is of no use, and whose end is worth waiting for before the next try.
	Connect(context.Context) (Session, error)
}

// Session is one connection to a resolver. Its methods may be called at the same time.
type Session interface {
	// Ask asks for a batch and gives a reply for each query, in their order. An error, which is
	// an [Error], is one of the whole batch.
	Ask(context.Context, []resolver.Query) ([]Reply, error)
	// Healthy gives nil while the resolver can answer.
	Healthy(context.Context) error
	// Watch calls changed until the stream or the context ends; it gives [ErrNoWatch] at once
	// if the resolver tells of no changes.
	Watch(ctx context.Context, changed func(resolver.Change)) error
	// Lost is closed when the connection is gone.
	Lost() <-chan struct{}
	Close()
}

// Reply is the answer to one query: a statement, or why there is none.
type Reply struct {
	Statement resolver.Statement
	// Failed says that the resolver can't tell about this issuer.
	Failed error
}

// ErrNoWatch is what a session's Watch gives where the resolver tells of no changes.
var ErrNoWatch = errors.New("the resolver tells of no changes")

// Error is a failure of a resolver and what it means.
type Error struct {
	Fault resolver.Fault
	// Cause says more of what is [resolver.Rejected].
	Cause Cause
	Err   error
}

// Cause is why what a resolver said was refused.
type Cause string

// The causes.
const (
	// PastGrant is more than the operator granted.
	PastGrant Cause = "PastGrant"
	// WrongIDs are answers that aren't exactly those that were asked for.
	WrongIDs Cause = "WrongIDs"
	// Malformed is what no resolver may say, whatever is granted.
	Malformed Cause = "Malformed"
)

func causes() []Cause { return []Cause{PastGrant, WrongIDs, Malformed} }

// Reject is the error of something that is refused whole.
func Reject(cause Cause, err error) error {
	return &Error{Fault: resolver.Rejected, Cause: cause, Err: err}
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// causeOf says why something was refused; "" is of other faults.
func causeOf(err error) Cause {
	var known *Error
	if !errors.As(err, &known) || known.Fault != resolver.Rejected {
		return ""
	}
	return known.Cause
}

// faultOf gives what an error means; one of unknown kind is a connection that failed.
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
