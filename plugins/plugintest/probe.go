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

// probe is the state shared by the cases: a connection, and the first answers.
type probe struct {
	socket  string
	fixture Fixture
	options Options
	timeout time.Duration

	connection *grpc.ClientConn
	client     api.ResolverServiceClient
	// hello is the first introduction; nil if it failed.
	hello *api.HandshakeResponse
	// pid is the plugin's process; unseen says why it can't be inspected.
	pid    int
	unseen string
	// first holds the first answers about all of the fixture's issuers.
	first []*api.Answer
}

func newProbe(socket string, fixture Fixture, o Options) (*probe, error) {
	p := &probe{socket: socket, fixture: fixture, options: o, timeout: fixture.Timeout}
	if p.timeout == 0 {
		p.timeout = defaultTimeout
	}
	return p, p.connect()
}

// connect makes a new connection unless the present one works.
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

// reconnect always makes a new connection.
func (p *probe) reconnect() error {
	p.close()
	p.connection = nil
	return p.connect()
}

// close closes the connection. Closing it twice does no harm.
func (p *probe) close() { _ = p.connection.Close() }

// begin gets the first introduction and the first answers. The cases report what goes wrong.
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

// works does a handshake on the shared connection, to check that the plugin still serves.
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

// batch asks in one call, with ids from 1 in the order of the queries.
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

// askAll asks about every existing issuer of the fixture, one per call.
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

// resetFirst renews the first answers, with which later cases compare. If the plugin drops the
// connection instead, other cases report that.
func (p *probe) resetFirst(ctx context.Context) {
	var err error
	if p.first, err = p.askAll(ctx); err != nil {
		_ = p.reconnect()
	}
}

// label describes an issuer for people; its name may be anything.
func label(q resolver.Query) string {
	if q.Issuer.Namespace == "" {
		return fmt.Sprintf("%s %q", q.Issuer.Kind, q.Issuer.Name)
	}
	return fmt.Sprintf("%s %q of namespace %q", q.Issuer.Kind, q.Issuer.Name, q.Issuer.Namespace)
}

// summary summarizes an answer.
func summary(a *api.Answer) string {
	const most = 200
	text := fmt.Sprintf("%v", a)
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}

// timeless returns an answer without its TTL and id, in which equal answers may differ.
func timeless(a *api.Answer) *api.Answer {
	c, _ := proto.Clone(a).(*api.Answer)
	c.TtlSeconds, c.Id = 0, 0
	return c
}

// shell runs one of the fixture's commands, and returns what it prints.
func shell(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	// A plugin started by the command may keep its output open.
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("the fixture's command %q: %w: %s", command, err, output)
	}
	return string(output), nil
}
