package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/resolver"
)

const (
	maxMessage = 1 << 20
	// maxStreams limits the concurrent calls on a connection.
	maxStreams = 100
	// socketMode lets the group connect, which certshim's container shares.
	socketMode = 0o660
	stopTime   = 5 * time.Second
)

// Run serves a resolver on a Unix domain socket until the context ends; calls in flight then
// have 5 seconds to finish. A socket left behind by a dead process is replaced; a socket in use
// is an error.
func Run(ctx context.Context, socket string, r resolver.Resolver) error {
	listener, err := Listen(ctx, socket)
	if err != nil {
		return err
	}
	return Server{Resolver: r}.Serve(ctx, listener)
}

// Server is the configurable form of [Run].
type Server struct {
	Resolver resolver.Resolver
	// Heartbeat is the longest silence on a watch; 0 means 10 seconds.
	Heartbeat time.Duration
	// Options are added to those of the gRPC server.
	Options []grpc.ServerOption
}

// Serve serves until the context ends, and closes the listener.
func (s Server) Serve(ctx context.Context, listener net.Listener) error {
	server := grpc.NewServer(append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(16 << 10), grpc.ConnectionTimeout(5 * time.Second),
	}, s.Options...)...)
	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	service := newService(stopping, s)
	api.RegisterResolverServiceServer(server, service)
	healthy := health.NewServer()
	healthy.SetServingStatus(api.ResolverService_ServiceDesc.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, healthy)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { service.hub.run(stopping, s.Resolver) })
	defer context.AfterFunc(ctx, func() {
		stop()
		forced := time.AfterFunc(stopTime, server.Stop)
		defer forced.Stop()
		server.GracefulStop()
	})()
	err := server.Serve(listener)
	stop()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Listen opens a socket that its owner and group may use.
func Listen(ctx context.Context, socket string) (net.Listener, error) {
	if err := removeStale(ctx, socket); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, socketMode); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// removeStale removes a socket on which nobody listens.
func removeStale(ctx context.Context, socket string) error {
	info, err := os.Lstat(socket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s exists and is no socket", socket)
	}
	connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", socket)
	if err == nil {
		return errors.Join(fmt.Errorf("another process listens on %s", socket), connection.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(socket)
}
