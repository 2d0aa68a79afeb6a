package faulty

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
)

// perQuery is the time a slow plugin takes per issuer; batches from fullBatch on are slow, or
// get a huge answer.
const (
	perQuery  = 100 * time.Millisecond
	fullBatch = 32
	// shortDeadline is the limit below which a plugin that ignores deadlines fails to answer;
	// overtime is how long it works on.
	shortDeadline = 100 * time.Millisecond
	overtime      = 4 * time.Second
)

// unary injects most faults, before or after the sound plugin runs.
func (p *Plugin) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	switch {
	case strings.HasPrefix(info.FullMethod, "/grpc.health"):
		if p.fault == NoHealth {
			return nil, status.Error(codes.Unimplemented, "no health")
		}
		return next(ctx, request)
	case p.fault == OldVersion:
		return nil, status.Error(codes.Unimplemented, "unknown service certshim.resolver.v1alpha1.ResolverService")
	case info.FullMethod == resolveMethod:
		return p.resolve(ctx, request, next)
	}
	return p.handshake(ctx, request, next)
}

func (p *Plugin) handshake(ctx context.Context, request any, next grpc.UnaryHandler) (any, error) {
	if r := request.(*api.HandshakeRequest); p.fault == Strict && !strings.HasPrefix(r.GetHostVersion(), "v0.") && r.GetHostVersion() != "dev" {
		return nil, status.Error(codes.FailedPrecondition, "certshim is too new")
	}
	response, err := next(ctx, request)
	if err != nil {
		return nil, err
	}
	hello := response.(*api.HandshakeResponse)
	switch p.fault {
	case LieKind:
		hello.Kinds = append(hello.Kinds, &api.Kind{Group: "cert-manager.io", Kind: "ClusterIssuer", Scope: api.Scope_SCOPE_CLUSTER})
	case NewInstance:
		hello.Instance = rand.Text()
	case BadName:
		hello.Name = "Corp CA"
	case Picky:
		if len(hello.GetKinds()) == 0 {
			return nil, status.Error(codes.FailedPrecondition, "nothing is granted")
		}
	case HiddenWatch:
		hello.Watches = false
	case Sluggish:
		p.calls.Add(1)
	default:
	}
	return hello, nil
}

// resolve breaks a call as a whole, or passes each answer to [Plugin.spoil].
func (p *Plugin) resolve(ctx context.Context, message any, next grpc.UnaryHandler) (any, error) {
	request := message.(*api.ResolveRequest)
	queries := request.GetQueries()
	p.misbehave(ctx, queries)
	p.misread(queries)
	if err := errors.Join(p.refuse(ctx, queries), p.tire(ctx, queries)); err != nil {
		return nil, err
	}
	answered, err := next(ctx, request)
	if err != nil {
		return nil, err
	}
	response := answered.(*api.ResolveResponse)
	for i, answer := range response.Answers {
		if err := p.spoil(queries[i], answer); err != nil {
			return nil, err
		}
	}
	p.shuffle(response)
	return response, nil
}

// misbehave does what a plugin shouldn't do beside answering.
func (p *Plugin) misbehave(ctx context.Context, queries []*api.Query) {
	switch p.fault {
	case Crash:
		if !allObjects(queries) {
			p.hangUp()
		}
	case IgnoreCancel:
		if deadline, has := ctx.Deadline(); has && time.Until(deadline) < shortDeadline {
			work()
		}
	case Chatty:
		for _, q := range queries {
			_, _ = fmt.Fprintln(p.Out, "asked about", q.GetIssuer().GetName())
		}
	default:
	}
}

// refuse ends a call without an answer.
func (p *Plugin) refuse(ctx context.Context, queries []*api.Query) error {
	switch {
	case p.fault == Silent:
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case p.fault == DiesMidway:
		p.hangUp()
		return status.Error(codes.Unavailable, "dead")
	case p.fault == Slow && len(queries) >= fullBatch && !sleep(ctx, time.Duration(len(queries))*perQuery):
		return status.FromContextError(ctx.Err()).Err()
	case p.fault == EmptyFails && len(queries) == 0:
		return status.Error(codes.InvalidArgument, "nothing asked")
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// allObjects reports whether all observed objects look as a careless author expects.
func allObjects(queries []*api.Query) bool {
	for _, q := range queries {
		var object struct {
			Status map[string]any `json:"status"`
		}
		if len(q.GetObservedJson()) > 0 && (json.Unmarshal(q.GetObservedJson(), &object) != nil || object.Status == nil) {
			return false
		}
	}
	return true
}

// shuffle breaks the ids of a batch.
func (p *Plugin) shuffle(response *api.ResolveResponse) {
	n := len(response.Answers)
	switch {
	case n > 1 && p.fault == DuplicateID:
		response.Answers[n-1].Id = response.Answers[0].Id
	case n > 1 && p.fault == DropID:
		response.Answers = response.Answers[:n-1]
	case n >= fullBatch && p.fault == Huge:
		response.Answers[0].Outcome = &api.Answer_Failure{Failure: &api.Failure{Message: strings.Repeat("x", 2<<20)}}
	}
}

// spoil breaks one answer.
func (p *Plugin) spoil(q *api.Query, a *api.Answer) error {
	p.misjudge(q, a)
	switch {
	case p.fault == MissingFails && a.GetMissing() != nil:
		return status.Error(codes.NotFound, "no such issuer")
	case p.fault == BadFails && a.GetFailure() != nil:
		return status.Error(codes.Internal, "a bad query")
	case p.fault == ShortTTL:
		a.TtlSeconds = 1
	case p.fault == LieNamespace || p.fault == FoldNames:
		p.mistake(q, a)
	case a.GetFound() != nil:
		p.spoilFound(a.GetFound())
	}
	return nil
}

// mistake answers with another issuer's statement.
func (p *Plugin) mistake(q *api.Query, a *api.Answer) {
	name, folded := q.GetIssuer().GetName(), strings.ToLower(q.GetIssuer().GetName())
	wrong := folded != name
	if p.fault == LieNamespace {
		wrong = !wrong && q.GetIssuer().GetNamespace() != ""
	}
	if a.GetMissing() != nil && wrong && (folded == "ready" || folded == "unready") {
		a.Outcome = &api.Answer_Found{Found: &api.Found{Ready: api.Readiness_READINESS_TRUE}}
	}
}

func (p *Plugin) spoilFound(f *api.Found) {
	switch p.fault {
	case LieDefault:
		f.Defaults = &api.Defaults{DurationSeconds: 3600}
	case LieRefuse:
		f.Constraints = &api.Constraints{Ca: &api.CertificateAuthority{Verdict: api.Verdict_VERDICT_REFUSE}}
	case LieAnnotation:
		f.CopyAnnotations = []string{"acme.cert-manager.io/http01-edit-in-place"}
	case NUL:
		f.Message = "ready\x00"
	case Secret:
		f.Message = "-----BEGIN EC PRIVATE KEY-----"
	case BadEnum:
		f.Ready = api.Readiness_READINESS_UNSPECIFIED
	case Flap:
		f.Message = "thought " + strconv.FormatInt(p.calls.Add(1), 10)
	default:
	}
}

// stream injects the faults of Watch.
func (p *Plugin) stream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	switch p.fault {
	case OldVersion:
		return status.Error(codes.Unimplemented, "unknown service")
	case NoHeartbeat:
		<-stream.Context().Done()
		return nil
	case Storm:
		changed := &api.Changed{Kinds: []*api.Kind{{Group: Group, Kind: "CorpIssuer", Scope: api.Scope_SCOPE_NAMESPACED}}}
		for {
			if err := stream.SendMsg(&api.WatchResponse{Event: &api.WatchResponse_Changed{Changed: changed}}); err != nil {
				return err
			}
		}
	case EachChange:
		return p.tellEach(stream)
	case FirstWatcher:
		// The first watcher must be recorded before anything is sent.
		p.isFirst(stream.Context())
		return next(server, jealousStream{stream, p})
	case Leak:
		defer func() { go func() { runtime.LockOSThread(); select {} }() }()
		return next(server, stream)
	case Hoard:
		return hoard(server, stream, next)
	case Deaf:
		return next(server, deafStream{stream})
	case OneBeat:
		return next(server, &silentStream{ServerStream: stream})
	default:
		return next(server, stream)
	}
}

// work wastes time on a processor.
func work() {
	for begin := time.Now(); time.Since(begin) < overtime; {
	}
}

// silentStream drops all heartbeats but the first.
type silentStream struct {
	grpc.ServerStream
	begun bool
}

func (s *silentStream) SendMsg(message any) error {
	if m, isWatch := message.(*api.WatchResponse); isWatch && m.GetHeartbeat() != nil && s.begun {
		return nil
	}
	s.begun = true
	return s.ServerStream.SendMsg(message)
}

// deafStream turns every change into a heartbeat.
type deafStream struct{ grpc.ServerStream }

func (s deafStream) SendMsg(message any) error {
	if m, isWatch := message.(*api.WatchResponse); isWatch && m.GetChanged() != nil {
		message = &api.WatchResponse{Event: &api.WatchResponse_Heartbeat{Heartbeat: &api.Heartbeat{}}}
	}
	return s.ServerStream.SendMsg(message)
}
