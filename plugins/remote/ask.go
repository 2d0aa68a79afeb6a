package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/certshim/certshim/plugins"
	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/resolver"
)

const (
	// heartbeat is the longest silence that a watch should have; after three of them, it is
	// ended.
	heartbeat = 15 * time.Second
	missed    = 3
	// WatchRate is how many messages of a stream are read per second; the rest waits in the
	// plugin.
	WatchRate = 20
	// WatchBurst is how many are read at once.
	WatchBurst = 50
)

// Ask asks about a batch, with several calls if it is too large for one.
func (s *session) Ask(ctx context.Context, queries []resolver.Query) ([]plugins.Reply, error) {
	replies := make([]plugins.Reply, len(queries))
	for begin := 0; begin < len(queries); {
		request := &api.ResolveRequest{}
		end := begin
		for size := 0; end < len(queries) && end-begin < MaxBatch; end++ {
			q := &api.Query{
				Id: uint32(end), Issuer: wire.Issuer(queries[end].Issuer, queries[end].Scope), ObservedJson: queries[end].Observed,
			}
			if size += proto.Size(q); size > maxRequest && end > begin {
				break
			}
			request.Queries = append(request.Queries, q)
		}
		response, err := s.client.Resolve(ctx, request)
		if err != nil {
			return nil, classify(err)
		}
		if err := read(response, replies[begin:end], uint32(begin)); err != nil {
			return nil, err
		}
		begin = end
	}
	return replies, nil
}

// read checks that there is exactly one answer for each query, and decodes them.
func read(response *api.ResolveResponse, replies []plugins.Reply, first uint32) error {
	if len(response.GetAnswers()) != len(replies) {
		return plugins.Reject(plugins.WrongIDs, fmt.Errorf("the plugin gave %d answers to %d queries", len(response.GetAnswers()), len(replies)))
	}
	seen := make([]bool, len(replies))
	for _, answer := range response.GetAnswers() {
		i := uint64(answer.GetId()) - uint64(first)
		if answer.GetId() < first || i >= uint64(len(replies)) {
			return plugins.Reject(plugins.WrongIDs, fmt.Errorf("the plugin answered with id %d, which was not asked", answer.GetId()))
		}
		if seen[i] {
			return plugins.Reject(plugins.WrongIDs, fmt.Errorf("the plugin answered id %d twice", answer.GetId()))
		}
		seen[i] = true
		replies[i] = readAnswer(answer)
	}
	return nil
}

// readAnswer decodes an answer. One that makes no sense says nothing of its issuer, and costs the
// others of its batch nothing.
func readAnswer(answer *api.Answer) plugins.Reply {
	if size := proto.Size(answer); size > maxAnswer {
		return plugins.Reply{Failed: plugins.Reject(plugins.Malformed, fmt.Errorf("an answer has %d bytes, must have at most %d", size, maxAnswer))}
	}
	statement, failed, err := wire.ReadAnswer(answer)
	if err != nil {
		return plugins.Reply{Failed: plugins.Reject(plugins.Malformed, err)}
	}
	return plugins.Reply{Statement: statement, Failed: failed}
}

// Watch reads the stream of changes; it ends after a silence of three heartbeats. The first
// message shows that the plugin watches. Earlier changes may have been missed, so all kinds are
// then reported as changed.
func (s *session) Watch(ctx context.Context, changed func(resolver.Change)) error {
	if !s.watches {
		return plugins.ErrNoWatch
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(missed*heartbeat, func() { cancel(errSilent) })
	defer silence.Stop()
	stream, err := s.client.Watch(ctx, &api.WatchRequest{})
	if err != nil {
		return classify(err)
	}
	limit := rate.NewLimiter(WatchRate, WatchBurst)
	for first := true; ; first = false {
		message, err := stream.Recv()
		if err != nil {
			if errors.Is(context.Cause(ctx), errSilent) {
				err = errSilent
				return &plugins.Error{Fault: resolver.Timeout, Err: err}
			}
			return classify(err)
		}
		silence.Reset(missed * heartbeat)
		if first {
			changed(resolver.Change{Kinds: s.kinds()})
		}
		if change := message.GetChanged(); change != nil {
			changed(wire.ReadChange(change))
		}
		if limit.Wait(ctx) != nil {
			return ctx.Err()
		}
	}
}

func (s *session) kinds() []resolver.GroupKind {
	var kinds []resolver.GroupKind
	for _, kind := range s.config.Kinds {
		kinds = append(kinds, kind.GroupKind)
	}
	return kinds
}

var errSilent = errors.New("the plugin's stream of changes has been silent for three heartbeats")
