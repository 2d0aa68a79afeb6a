package serve

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

const (
	maxBatch         = 64
	defaultHeartbeat = 10 * time.Second
	// gathering is the minimum time between two messages about changes; changes within it are
	// merged.
	gathering = 200 * time.Millisecond
)

// service implements the protocol for a resolver.
type service struct {
	api.UnimplementedResolverServiceServer
	// stopping ends when the server is to stop, so that streams end too.
	stopping  context.Context
	resolver  resolver.Resolver
	heartbeat time.Duration
	instance  string
	hub       *hub
	// grant is that of the last handshake, nil before the first.
	grant atomic.Pointer[resolver.Grant]
}

func newService(stopping context.Context, s Server) *service {
	return &service{
		stopping: stopping, resolver: s.Resolver, heartbeat: cmp.Or(s.Heartbeat, defaultHeartbeat),
		instance: rand.Text(), hub: newHub(),
	}
}

// Handshake introduces the resolver, with those of its kinds that are granted.
func (s *service) Handshake(_ context.Context, request *api.HandshakeRequest) (*api.HandshakeResponse, error) {
	grant := wire.ReadGrant(request)
	s.grant.Store(&grant)
	d := s.resolver.Describe()
	_, watches := s.resolver.(resolver.Watcher)
	response := &api.HandshakeResponse{Name: d.Name, Version: d.Version, Instance: s.instance, Watches: watches}
	for _, granted := range request.GetGranted() {
		kind, scope := wire.ReadKind(granted)
		if slices.Contains(d.Kinds, resolver.DescribedKind{GroupKind: kind, Scope: scope}) {
			response.Kinds = append(response.Kinds, granted)
		}
	}
	return response, nil
}

// Resolve asks the resolver about one issuer after another.
func (s *service) Resolve(ctx context.Context, request *api.ResolveRequest) (*api.ResolveResponse, error) {
	if len(request.GetQueries()) > maxBatch {
		return nil, status.Errorf(codes.InvalidArgument, "%d queries, must be at most %d", len(request.GetQueries()), maxBatch)
	}
	response := &api.ResolveResponse{}
	for _, query := range request.GetQueries() {
		if err := ctx.Err(); err != nil {
			return nil, status.FromContextError(err).Err()
		}
		statement, err := s.one(ctx, query)
		response.Answers = append(response.Answers, wire.Answer(query.GetId(), statement, err))
	}
	return response, nil
}

// one answers for one issuer; an error or panic is a failure for that issuer only.
func (s *service) one(ctx context.Context, query *api.Query) (statement resolver.Statement, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("the resolver panicked")
		}
	}()
	key, _ := wire.ReadIssuer(query.GetIssuer())
	kinds := s.resolver.Describe().Kinds
	i := slices.IndexFunc(kinds, func(k resolver.DescribedKind) bool { return k.GroupKind == key.GroupKind })
	if i < 0 {
		return statement, fmt.Errorf("the kind %s of group %s isn't mine", problem.Quote(key.Kind), problem.Quote(key.Group))
	}
	asked := resolver.Query{Issuer: key, Scope: kinds[i].Scope, Observed: query.GetObservedJson()}
	if grant := s.grant.Load(); grant != nil {
		asked.Grant = *grant
	}
	statement, err = s.resolver.Resolve(ctx, asked)
	if err != nil && resolver.CheckMessage(err.Error()) != nil {
		err = fmt.Errorf("the resolver's error can't be shown")
	}
	return statement.Presentable(), err
}

// Watch sends changes until the caller or the server ends it.
func (s *service) Watch(_ *api.WatchRequest, stream grpc.ServerStreamingServer[api.WatchResponse]) error {
	if _, watches := s.resolver.(resolver.Watcher); !watches {
		return status.Error(codes.Unimplemented, "this plugin tells of no changes")
	}
	subscription := s.hub.subscribe()
	defer s.hub.unsubscribe(subscription)
	ticker := time.NewTicker(s.heartbeat)
	defer ticker.Stop()
	beat := &api.WatchResponse{Event: &api.WatchResponse_Heartbeat{Heartbeat: &api.Heartbeat{}}}
	if err := stream.Send(beat); err != nil {
		return err
	}
	more, gathered := subscription.more, (<-chan time.Time)(nil)
	for {
		message := beat
		select {
		case <-gathered:
			more, gathered = subscription.more, nil
			continue
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-s.stopping.Done():
			return status.Error(codes.Unavailable, "the plugin stops")
		case <-ticker.C:
		case <-more:
			more, gathered = nil, time.After(gathering)
			message = &api.WatchResponse{Event: &api.WatchResponse_Changed{Changed: wire.Change(subscription.take(), s.scope)}}
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

func (s *service) scope(kind resolver.GroupKind) resolver.Scope {
	for _, k := range s.resolver.Describe().Kinds {
		if k.GroupKind == kind {
			return k.Scope
		}
	}
	return resolver.ScopeUnknown
}
