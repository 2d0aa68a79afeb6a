package plugins

import (
	"context"
	"errors"
	"fmt"

	"github.com/certshim/certshim/resolver"
)

// Compiled makes a [Plugin] from a resolver that is compiled into this program. It is trusted as
// the program is; only its statements are checked against its own grant.
func Compiled(r resolver.Resolver) Plugin {
	d := r.Describe()
	return Plugin{
		Name: d.Name, Tier: "compiled-in", Kinds: d.Kinds, Grant: d.Grant, Observe: resolver.ObserveFull,
		Hold: Holds(d.Grant), Timeout: DefaultTimeout, Backend: compiled{r},
	}
}

// compiled is the backend of a resolver in this program. It is always connected.
type compiled struct{ resolver resolver.Resolver }

func (c compiled) Connect(context.Context) (Session, error) {
	return compiledSession{compiled: c, lost: make(chan struct{})}, nil
}

type compiledSession struct {
	compiled
	lost chan struct{}
}

func (s compiledSession) Healthy(context.Context) error { return nil }
func (s compiledSession) Lost() <-chan struct{}         { return s.lost }
func (s compiledSession) Close()                        {}

// Ask asks about one issuer after another. A panic is a failure for that issuer only.
func (s compiledSession) Ask(ctx context.Context, queries []resolver.Query) ([]Reply, error) {
	replies := make([]Reply, len(queries))
	for i, query := range queries {
		if err := ctx.Err(); err != nil {
			return nil, &Error{Fault: resolver.Timeout, Err: err}
		}
		replies[i] = s.one(ctx, query)
	}
	return replies, nil
}

func (s compiledSession) one(ctx context.Context, query resolver.Query) (reply Reply) {
	defer func() {
		if panicked := recover(); panicked != nil {
			reply = Reply{Failed: &Error{Fault: resolver.Broken, Err: fmt.Errorf("the resolver panicked: %v", panicked)}}
		}
	}()
	reply.Statement, reply.Failed = s.resolver.Resolve(ctx, query)
	return reply
}

// Watch returns an error after a panic.
func (s compiledSession) Watch(ctx context.Context, changed func(resolver.Change)) (err error) {
	watcher, watches := s.resolver.(resolver.Watcher)
	if !watches {
		return ErrNoWatch
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			err = &Error{Fault: resolver.Broken, Err: fmt.Errorf("the resolver panicked: %v", panicked)}
		}
	}()
	if err := watcher.Watch(ctx, changed); err != nil {
		return &Error{Fault: resolver.Broken, Err: err}
	}
	return &Error{Fault: resolver.Broken, Err: errors.New("it stopped to watch")}
}
