package faulty

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
)

// connection injects the faults of connections.
type connection struct {
	net.Conn
	plugin *Plugin
	// begun is set once something was read, gone once the other end is closed.
	begun, gone bool
}

// Read implements [net.Conn].
func (c *connection) Read(b []byte) (int, error) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	n, err := c.Conn.Read(b)
	// Half a preface may still become a whole one.
	begin := string(b[:min(n, len(preface))])
	if c.plugin.fault == Fragile && !c.begun && !strings.HasPrefix(preface, begin) {
		c.plugin.hangUpBeside(c)
		return 0, io.ErrUnexpectedEOF
	}
	c.begun, c.gone = c.begun || n > 0, errors.Is(err, io.EOF)
	return n, err
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	if c.plugin.fault == KeepsConnections && c.gone {
		return nil
	}
	return c.Conn.Close()
}

// unknown answers calls to services that a plugin shouldn't have.
func (p *Plugin) unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	if (p.fault == AnyVersion && strings.HasPrefix(method, "/certshim.resolver.")) ||
		(p.fault == Debugs && strings.HasPrefix(method, "/grpc.channelz.")) {
		return stream.SendMsg(&api.HandshakeResponse{})
	}
	return status.Error(codes.Unimplemented, "unknown service")
}

// jealousStream is deaf while an earlier watch is open.
type jealousStream struct {
	grpc.ServerStream
	plugin *Plugin
}

func (s jealousStream) SendMsg(message any) error {
	if s.plugin.isFirst(s.Context()) {
		return s.ServerStream.SendMsg(message)
	}
	return deafStream{s.ServerStream}.SendMsg(message)
}

// isFirst reports whether no other watch was open before.
func (p *Plugin) isFirst(ctx context.Context) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.watching != nil && p.watching != ctx && p.watching.Err() == nil {
		return false
	}
	p.watching = ctx
	return true
}
