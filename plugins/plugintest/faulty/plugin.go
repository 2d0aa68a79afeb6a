package faulty

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/serve"
)

// heartbeat is short, so that tests need not wait.
const heartbeat = 200 * time.Millisecond

// Plugin serves a table with one fault.
type Plugin struct {
	*Table
	// Out is the plugin's standard output.
	Out         io.Writer
	fault       Fault
	calls       atomic.Int64
	lock        sync.Mutex
	connections map[net.Conn]bool
	// offended is used by [Grudge], watching by [FirstWatcher]; noted has the generations for
	// [Remembers] and the questions for [Learns].
	offended atomic.Bool
	noted    map[string]int
	watching context.Context
}

// New returns a plugin, to be started by [Plugin.Start].
func New(fault Fault) *Plugin {
	return &Plugin{Table: NewTable(), Out: os.Stdout, fault: fault, connections: map[net.Conn]bool{}, noted: map[string]int{}}
}

// Start serves on a socket until stop is called, which waits for the end. It leaves the socket
// behind, as a killed process does.
func (p *Plugin) Start(socket string) (stop func(), err error) {
	listener, err := p.listen(socket)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.serve(ctx, recording{listener, p}) })
	return func() {
		p.hangUp()
		cancel()
		running.Wait()
	}, nil
}

func (p *Plugin) listen(socket string) (net.Listener, error) {
	if p.fault == StaleSocket {
		if _, err := os.Lstat(socket); err == nil {
			return nil, errors.New("address already in use")
		}
	}
	listener, err := serve.Listen(context.Background(), socket)
	if err != nil {
		return nil, err
	}
	if unix, isUnix := listener.(*net.UnixListener); isUnix {
		unix.SetUnlinkOnClose(false)
	}
	switch p.fault {
	case OpenSocket:
		err = os.Chmod(socket, 0o666)
	case Litter:
		err = os.WriteFile(socket+".lock", nil, 0o600)
	default:
	}
	return listener, err
}

func (p *Plugin) serve(ctx context.Context, listener net.Listener) {
	if p.fault == Endless {
		serveEndless(ctx, listener)
		return
	}
	// Serve ends when the plugin is stopped.
	_ = serve.Server{Resolver: p, Heartbeat: heartbeat, Options: p.options()}.Serve(ctx, listener)
}

func (p *Plugin) options() []grpc.ServerOption {
	const large = 16 << 20
	options := []grpc.ServerOption{grpc.UnaryInterceptor(p.unary), grpc.StreamInterceptor(p.stream), grpc.MaxSendMsgSize(large)}
	switch p.fault {
	case Gulp:
		options = append(options, grpc.MaxRecvMsgSize(large))
	case AnyVersion, Debugs:
		options = append(options, grpc.UnknownServiceHandler(p.unknown))
	default:
	}
	return options
}

// hangUp drops every connection.
func (p *Plugin) hangUp() {
	p.lock.Lock()
	defer p.lock.Unlock()
	for connection := range p.connections {
		_ = connection.Close()
	}
	clear(p.connections)
}

// hangUpBeside drops every connection but one, which then ends by itself.
func (p *Plugin) hangUpBeside(one net.Conn) {
	p.lock.Lock()
	delete(p.connections, one)
	p.lock.Unlock()
	p.hangUp()
}

// recording records the connections, so that they can be dropped.
type recording struct {
	net.Listener
	plugin *Plugin
}

func (r recording) Accept() (net.Conn, error) {
	accepted, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	one := &connection{Conn: accepted, plugin: r.plugin}
	r.plugin.lock.Lock()
	defer r.plugin.lock.Unlock()
	r.plugin.connections[one] = true
	return one, nil
}

var resolveMethod = api.ResolverService_Resolve_FullMethodName
