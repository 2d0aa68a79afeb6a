package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/certshim/certshim/plugins"
	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// The limits of the protocol.
const (
	MaxMessage = 1 << 20
	MaxBatch   = 64
	// maxRequest is the size at which a batch is split, maxAnswer the limit of one answer, in
	// bytes.
	maxRequest = 512 << 10
	maxAnswer  = 12 << 10

	handshakeTimeout = 5 * time.Second
	// maxName and maxWord limit the names in a plugin's introduction, in bytes.
	maxName = 63
	maxWord = 64
)

// Config describes one plugin behind a socket.
type Config struct {
	Socket string
	// UID is the user that the plugin must run as; nil means certshim's own where anybody may write in the socket's folder,
	// and any elsewhere.
	UID *int
	// Kinds and Grant are sent to the plugin in the handshake.
	Kinds   []resolver.DescribedKind
	Grant   resolver.Grant
	Timeout time.Duration
	// Version is certshim's own.
	Version string
}

// Backend implements [plugins.Backend].
type Backend struct{ config Config }

var _ plugins.Backend = (*Backend)(nil)

// New returns a Backend without connecting.
func New(config Config) *Backend { return &Backend{config: config} }

// Dial creates a client with certshim's limits. It connects at the first call and never
// reconnects, since each connection must begin with a handshake.
func Dial(socket string, uid *int) (*grpc.ClientConn, error) {
	var connected atomic.Bool
	return grpc.NewClient("passthrough:///"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if connected.Swap(true) {
				return nil, errors.New("the connection is gone")
			}
			return dial(ctx, socket, uid)
		}),
		grpc.WithAuthority("localhost"),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithMaxHeaderListSize(16<<10),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
	)
}

// Connect connects and does the handshake.
func (b *Backend) Connect(ctx context.Context) (plugins.Session, error) {
	if err := CheckSocket(b.config.Socket); err != nil {
		return nil, &plugins.Error{Fault: resolver.Unreachable, Err: err}
	}
	connection, err := Dial(b.config.Socket, b.config.UID)
	if err != nil {
		return nil, &plugins.Error{Fault: resolver.Unreachable, Err: err}
	}
	client := api.NewResolverServiceClient(connection)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	hello, err := client.Handshake(ctx, b.handshake())
	if err != nil && status.Code(err) != codes.Unimplemented {
		_ = connection.Close()
		return nil, classify(err)
	}
	s := newSession(b.config, connection, hello)
	if err != nil {
		return s, &plugins.Error{Fault: resolver.WrongVersion, Err: fmt.Errorf("the plugin doesn't speak certshim.resolver.v1alpha1: %w", err)}
	}
	if err := b.config.check(hello); err != nil {
		return s, err
	}
	return s, nil
}

func (b *Backend) handshake() *api.HandshakeRequest {
	request := wire.Grant(b.config.Grant)
	request.HostVersion = b.config.Version
	request.DeadlineMs = uint32(b.config.Timeout / time.Millisecond)
	request.MaxMessageBytes, request.MaxBatch = MaxMessage, MaxBatch
	for _, kind := range b.config.Kinds {
		request.Granted = append(request.Granted, wire.Kind(kind.GroupKind, kind.Scope))
	}
	return request
}

// check returns what is wrong with an introduction.
func (c Config) check(hello *api.HandshakeResponse) error {
	var errs []error
	for what, word := range map[string]string{"name": hello.GetName(), "version": hello.GetVersion(), "instance": hello.GetInstance()} {
		if word == "" || len(word) > maxWord {
			errs = append(errs, fmt.Errorf("the plugin's %s is %s, must have 1 to %d bytes", what, problem.Quote(word), maxWord))
		}
	}
	if err := problem.Join(errs...); err != nil {
		return plugins.Reject(plugins.Malformed, err)
	}
	for _, k := range hello.GetKinds() {
		kind, scope := wire.ReadKind(k)
		if !slices.Contains(c.Kinds, resolver.DescribedKind{GroupKind: kind, Scope: scope}) {
			return plugins.Reject(plugins.PastGrant, fmt.Errorf("the plugin wants to answer for kind %s of group %s (%s), which is not granted",
				problem.Quote(kind.Kind), problem.Quote(kind.Group), scope))
		}
	}
	return nil
}

// session is one connection.
type session struct {
	config     Config
	connection *grpc.ClientConn
	client     api.ResolverServiceClient
	health     grpc_health_v1.HealthClient
	watches    bool
	lost       chan struct{}
	stop       context.CancelFunc
}

func newSession(config Config, connection *grpc.ClientConn, hello *api.HandshakeResponse) *session {
	ctx, stop := context.WithCancel(context.Background())
	s := &session{
		config: config, connection: connection, client: api.NewResolverServiceClient(connection),
		health: grpc_health_v1.NewHealthClient(connection), watches: hello.GetWatches(),
		lost: make(chan struct{}), stop: stop,
	}
	go func() {
		defer close(s.lost)
		// The state Ready ends only when the connection is lost. gRPC would reconnect without a
		// handshake.
		connection.WaitForStateChange(ctx, connectivity.Ready)
	}()
	return s
}

// Lost is closed when the connection is lost.
func (s *session) Lost() <-chan struct{} { return s.lost }

// Close closes the connection, and waits for the goroutine that watches it.
func (s *session) Close() {
	s.stop()
	_ = s.connection.Close()
	<-s.lost
}

// Healthy calls the standard health service. A plugin without it counts as healthy.
func (s *session) Healthy(ctx context.Context) error {
	answer, err := s.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: api.ResolverService_ServiceDesc.ServiceName})
	switch code := status.Code(err); {
	case code == codes.Unimplemented || code == codes.NotFound:
		return nil
	case err != nil:
		return classify(err)
	case answer.GetStatus() == grpc_health_v1.HealthCheckResponse_NOT_SERVING:
		return &plugins.Error{Fault: resolver.Unreachable, Err: errors.New("the plugin's health is NOT_SERVING")}
	}
	return nil
}

// classify adds the fault to an error of a call.
func classify(err error) error {
	fault := resolver.Unreachable
	switch status.Code(err) {
	case codes.DeadlineExceeded:
		fault = resolver.Timeout
	case codes.Unimplemented:
		fault = resolver.WrongVersion
	case codes.ResourceExhausted, codes.InvalidArgument, codes.Internal:
		fault = resolver.Broken
	default:
	}
	return &plugins.Error{Fault: fault, Err: err}
}
