package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// portPatience is for the port of a control plane that was killed just now: it is taken until the last thread of that
// kube-apiserver is gone.
const portPatience = 2 * time.Second

// port is a TCP port of 127.0.0.1, held by a socket that is bound but never listens. So it stays ours while
// kube-apiserver is down, and connections are refused meanwhile. kube-apiserver binds it beside us: see its
// --permit-port-sharing.
type port struct {
	number int
	socket int
}

// reservePort holds the port of that number; 0 is any free one. As any number of control planes could share a port, it
// is tried first without sharing; that connections of a moment ago linger on it is no obstacle.
func reservePort(ctx context.Context, number int) (*port, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, portPatience, fmt.Errorf("the port was not free within %s", portPatience))
	defer cancel()
	err := poll(ctx, func(context.Context) error {
		probe, err := holdPort(number, unix.SO_REUSEADDR)
		if err != nil {
			return err
		}
		return probe.close()
	})
	if err != nil {
		return nil, err
	}
	return holdPort(number, unix.SO_REUSEPORT)
}

// holdPort binds the port with that socket option.
func holdPort(number, option int) (*port, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(socket)
	bound, err := bindLoopback(socket, number, option)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bind 127.0.0.1:%d: %w", number, err), unix.Close(socket))
	}
	return &port{number: bound, socket: socket}, nil
}

func bindLoopback(socket, number, option int) (bound int, err error) {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, option, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		return 0, err
	}
	return address.(*unix.SockaddrInet4).Port, nil
}

func (p *port) close() error { return unix.Close(p.socket) }
