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

// connection is one on which the faults of connections are.
type connection struct {
	net.Conn
	plugin *Plugin
	// begun says that something was read, gone that the other end is closed.
	begun, gone bool
}

// Read is of [net.Conn].
func (c *connection) Read(b []byte) (int, error) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	n, err := c.Conn.Read(b)
	if c.plugin.fault == Fragile && n > 0 && !c.begun && !strings.HasPrefix(string(b[:n]), preface) {
		c.plugin.hangUp()
	}
	c.begun, c.gone = c.begun || n > 0, errors.Is(err, io.EOF)
	return n, err
}

// Close is of [net.Conn].
func (c *connection) Close() error {
	if c.plugin.fault == KeepsConnections && c.gone {
		return nil
	}
	return c.Conn.Close()
}

// unknown answers calls of services that a plugin hasn't.
func (p *Plugin) unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	if (p.fault == AnyVersion && strings.HasPrefix(method, "/certshim.resolver.")) ||
		(p.fault == Debugs && strings.HasPrefix(method, "/grpc.channelz.")) {
		return stream.SendMsg(&api.HandshakeResponse{})
	}
	return status.Error(codes.Unimplemented, "unknown service")
}

// isFirst says whether no other watch is open.
func (p *Plugin) isFirst(ctx context.Context) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.watching != nil && p.watching.Err() == nil {
		return false
	}
	p.watching = ctx
	return true
}
