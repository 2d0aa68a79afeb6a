package plugintest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/resolver"
)

const (
	defaultTimeout   = 2 * time.Second
	handshakeTimeout = 5 * time.Second
	commandTimeout   = 30 * time.Second
	maxBatch         = remote.MaxBatch
)

// probe is what the cases share: a connection, and what was said at the beginning.
type probe struct {
	socket  string
	fixture Fixture
	options Options
	timeout time.Duration

	connection *grpc.ClientConn
	client     api.ResolverServiceClient
	// hello is the first introduction; nil where there was none.
	hello *api.HandshakeResponse
	// pid is the plugin's process; unseen says why it can't be looked at.
	pid    int
	unseen string
	// first are the answers about all of the fixture's issuers at the beginning.
	first []*api.Answer
}

func newProbe(socket string, fixture Fixture, o Options) (*probe, error) {
	p := &probe{socket: socket, fixture: fixture, options: o, timeout: fixture.Timeout}
	if p.timeout == 0 {
		p.timeout = defaultTimeout
	}
	return p, p.connect()
}

// connect makes a new connection unless there is one that works.
func (p *probe) connect() error {
	if p.connection != nil && p.connection.GetState() == connectivity.Ready {
		return nil
	}
	if p.connection != nil {
		p.close()
	}
	connection, err := remote.Dial(p.socket, nil)
	if err != nil {
		return err
	}
	p.connection, p.client = connection, api.NewResolverServiceClient(connection)
	return nil
}

// reconnect makes a new connection in any case.
func (p *probe) reconnect() error {
	p.close()
	p.connection = nil
	return p.connect()
}

// close ends the connection; one that is closed already is as good.
func (p *probe) close() { _ = p.connection.Close() }

// begin hears the first introduction and the first answers. What goes wrong is the cases' to
// tell.
func (p *probe) begin(ctx context.Context) {
	p.hello, _ = p.handshake(ctx, p.client, p.request())
	p.first, _ = p.askAll(ctx)
	p.findProcess(ctx)
	_ = p.reconnect()
}

func (p *probe) request() *api.HandshakeRequest {
	request := wire.Grant(p.fixture.grant())
	request.HostVersion = "dev"
	request.DeadlineMs = uint32(p.timeout / time.Millisecond)
	request.MaxMessageBytes, request.MaxBatch = remote.MaxMessage, maxBatch
	for _, kind := range p.fixture.kinds() {
		request.Granted = append(request.Granted, wire.Kind(kind.GroupKind, kind.Scope))
	}
	return request
}

func (p *probe) handshake(ctx context.Context, client api.ResolverServiceClient, request *api.HandshakeRequest) (*api.HandshakeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	hello, err := client.Handshake(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("call of Handshake: %w", err)
	}
	return hello, nil
}

// works is a handshake on the shared connection: the plugin still serves.
func (p *probe) works(ctx context.Context) error {
	_, err := p.handshake(ctx, p.client, p.request())
	return err
}

func (p *probe) health(ctx context.Context, service string) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(p.connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	return answer.GetStatus(), err
}

// batch asks in one call. Ids are 1 and up, in the order of the queries.
func (p *probe) batch(ctx context.Context, client api.ResolverServiceClient, queries []resolver.Query) (*api.ResolveResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	response, err := client.Resolve(ctx, messages(queries))
	if err != nil {
		return nil, fmt.Errorf("call of Resolve: %w", err)
	}
	return response, nil
}

func messages(queries []resolver.Query) *api.ResolveRequest {
	request := &api.ResolveRequest{}
	for i, q := range queries {
		request.Queries = append(request.Queries, &api.Query{
			Id: uint32(i + 1), Issuer: wire.Issuer(q.Issuer, q.Scope), ObservedJson: q.Observed,
		})
	}
	return request
}

// one asks about one issuer.
func (p *probe) one(ctx context.Context, q resolver.Query) (*api.Answer, error) {
	response, err := p.batch(ctx, p.client, []resolver.Query{q})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(q), err)
	}
	if answers := response.GetAnswers(); len(answers) != 1 || answers[0].GetId() != 1 {
		return nil, fmt.Errorf("%s: one query got %d answers: %v", label(q), len(answers), answers)
	}
	return response.GetAnswers()[0], nil
}

// askAll asks about every issuer of the fixture that is there, one a call.
func (p *probe) askAll(ctx context.Context) ([]*api.Answer, error) {
	var answers []*api.Answer
	for _, q := range p.fixture.named() {
		answer, err := p.one(ctx, q)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// askAnew has later cases compare with what holds now. A plugin that can't answer may drop the
// connection, which is for other cases to tell.
func (p *probe) askAnew(ctx context.Context) {
	var err error
	if p.first, err = p.askAll(ctx); err != nil {
		_ = p.reconnect()
	}
}

// label names an issuer for people; its name may be anything.
func label(q resolver.Query) string {
	if q.Issuer.Namespace == "" {
		return fmt.Sprintf("%s %q", q.Issuer.Kind, q.Issuer.Name)
	}
	return fmt.Sprintf("%s %q of namespace %q", q.Issuer.Kind, q.Issuer.Name, q.Issuer.Namespace)
}

// said is an answer in short.
func said(a *api.Answer) string {
	const most = 200
	text := fmt.Sprintf("%v", a)
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}

// timeless is an answer without its life time and id, by which two may differ.
func timeless(a *api.Answer) *api.Answer {
	c, _ := proto.Clone(a).(*api.Answer)
	c.TtlSeconds, c.Id = 0, 0
	return c
}

// shell runs one of the fixture's commands, and gives what it prints.
func shell(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	// A plugin that it starts may hold its output for ever.
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("the fixture's command %q: %w: %s", command, err, output)
	}
	return string(output), nil
}
