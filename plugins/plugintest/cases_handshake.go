package plugintest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func handshakeCases() []Case {
	return []Case{
		{ID: "H1", Level: Must, Title: "introduces itself by a name, a version and an instance", run: introduces,
			Hint: "answer Handshake within 5 s: name is a DNS label, version and instance have 1 to 64 bytes", catches: []string{"old-version", "bad-name"}},
		{ID: "H2", Level: Must, Title: "claims no kind that isn't granted", run: claims,
			Hint: "kinds is what you serve and the request's granted has, each with group, kind and scope", catches: []string{"old-version", "lie-kind"}},
		{ID: "H3", Level: Must, Title: "serves none where none of its kinds is granted", run: ungranted,
			Hint: "a grant without your kinds is no error: answer with no kinds", catches: []string{"old-version", "lie-kind", "picky"}},
		{ID: "H4", Level: Must, Title: "says the same in each handshake", run: again,
			Hint: "instance is made once, when the process starts", catches: []string{"old-version", "new-instance"}},
		{ID: "H5", Level: Must, asks: true, Title: "ignores a host version and fields that it doesn't know", run: newerHost, needs: needsKnown,
			Hint: "host_version is for your log; fields that you don't know are no error", catches: []string{"old-version", "strict"}},
		{ID: "H6", Level: Must, Title: "answers UNIMPLEMENTED to another version of the protocol", run: otherVersion,
			Hint: "leave unknown services to the gRPC library", catches: []string{"old-version", "any-version"}},
		{ID: "H7", Level: Must, Title: "is SERVING by the standard health service", run: serving,
			Hint: "serve grpc.health.v1.Health for certshim.resolver.v1alpha1.ResolverService", catches: []string{"no-health"}},
		{ID: "H8", Level: Should, Title: "doesn't know the health of a service that it hasn't", run: unknownHealth,
			Hint: "grpc.health.v1.Health answers NOT_FOUND for other services", catches: []string{"no-health"}},
	}
}

// dnsLabel is a label in the sense of RFC 1123.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func introduces(ctx context.Context, p *probe) error {
	hello, err := p.handshake(ctx, p.client, p.request())
	if err != nil {
		return err
	}
	var errs []error
	if !dnsLabel.MatchString(hello.GetName()) {
		errs = append(errs, fmt.Errorf("the name %q is no DNS label", hello.GetName()))
	}
	for what, word := range map[string]string{"version": hello.GetVersion(), "instance": hello.GetInstance()} {
		if word == "" || len(word) > 64 {
			errs = append(errs, fmt.Errorf("%s has %d bytes", what, len(word)))
		}
	}
	return problem.Join(errs...)
}

func claims(ctx context.Context, p *probe) error {
	hello, err := p.handshake(ctx, p.client, p.request())
	if err != nil {
		return err
	}
	for _, k := range hello.GetKinds() {
		kind, scope := wire.ReadKind(k)
		if !slices.Contains(p.fixture.kinds(), resolver.DescribedKind{GroupKind: kind, Scope: scope}) {
			return fmt.Errorf("it claims %v, which is not granted", k)
		}
	}
	if len(hello.GetKinds()) == 0 {
		return errors.New("it serves none of the kinds that the fixture grants")
	}
	return nil
}

func ungranted(ctx context.Context, p *probe) error {
	request := p.request()
	request.Granted = []*api.Kind{{Group: "other.example", Kind: "OtherIssuer", Scope: api.Scope_SCOPE_CLUSTER}}
	hello, err := p.handshake(ctx, p.client, request)
	if err != nil {
		return err
	}
	if len(hello.GetKinds()) > 0 {
		return fmt.Errorf("it claims %v, none of which is granted", hello.GetKinds())
	}
	return nil
}

func again(ctx context.Context, p *probe) error {
	first, err := p.handshake(ctx, p.client, p.request())
	if err != nil {
		return err
	}
	second, err := p.handshake(ctx, p.client, p.request())
	if err != nil {
		return err
	}
	connection, err := remote.Dial(p.socket, nil)
	if err != nil {
		return err
	}
	// All that matters has been read.
	defer func() { _ = connection.Close() }()
	third, err := p.handshake(ctx, api.NewResolverServiceClient(connection), p.request())
	if err != nil {
		return err
	}
	if !proto.Equal(first, second) || !proto.Equal(first, third) {
		return fmt.Errorf("it said %v, then %v, and on another connection %v", first, second, third)
	}
	return nil
}

func newerHost(ctx context.Context, p *probe) error {
	plain, err := p.handshake(ctx, p.client, p.request())
	if err != nil {
		return err
	}
	request := p.request()
	request.HostVersion = "v99.0.0-unheard.of+by.you"
	addUnknown(request)
	newer, err := p.handshake(ctx, p.client, request)
	if err != nil {
		return err
	}
	same := func(a, b *api.Kind) bool { return proto.Equal(a, b) }
	if !slices.EqualFunc(plain.GetKinds(), newer.GetKinds(), same) {
		return fmt.Errorf("it claims %v, and of a host that it doesn't know %v", plain.GetKinds(), newer.GetKinds())
	}
	return p.answersUnknown(ctx)
}

// answersUnknown sends requests with fields that the plugin doesn't know.
func (p *probe) answersUnknown(ctx context.Context) error {
	request := messages([]resolver.Query{p.good()})
	addUnknown(request)
	addUnknown(request.GetQueries()[0])
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	response, err := p.client.Resolve(ctx, request)
	if err != nil {
		return fmt.Errorf("a question with fields that it doesn't know: %w", err)
	}
	answers, err := byID(response, 1)
	if err == nil && answers[1].GetFound() == nil {
		err = fmt.Errorf("to a question with fields that it doesn't know it said %s", summary(answers[1]))
	}
	return err
}

// addUnknown adds a field that no version of the protocol has.
func addUnknown(message proto.Message) {
	const unknownField = 1999
	tag := protowire.AppendTag(nil, unknownField, protowire.BytesType)
	message.ProtoReflect().SetUnknown(protowire.AppendBytes(tag, []byte("something new")))
}

func otherVersion(ctx context.Context, p *probe) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	err := p.connection.Invoke(ctx, "/certshim.resolver.v99.ResolverService/Handshake", p.request(), &api.HandshakeResponse{})
	if status.Code(err) != codes.Unimplemented {
		return fmt.Errorf("a call to certshim.resolver.v99 ended by %s, must be %s", status.Code(err), codes.Unimplemented)
	}
	return p.works(ctx)
}

func serving(ctx context.Context, p *probe) error {
	state, err := p.health(ctx, api.ResolverService_ServiceDesc.ServiceName)
	if err == nil && state != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("its health is %s", state)
	}
	return err
}

func unknownHealth(ctx context.Context, p *probe) error {
	if _, err := p.health(ctx, "nobody.serves.This"); status.Code(err) != codes.NotFound {
		return fmt.Errorf("the health of an unknown service ended by %s", status.Code(err))
	}
	return nil
}
