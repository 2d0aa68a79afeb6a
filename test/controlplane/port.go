package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// port is a TCP port of 127.0.0.1, held by a socket that is bound but never listens. So it stays ours while
// kube-apiserver is down, and connections are refused meanwhile. kube-apiserver binds it beside us: see its
// --permit-port-sharing.
type port struct {
	number int
	socket int
}

// reservePort holds the port of that number; 0 is any free one.
func reservePort(number int) (*port, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(socket)
	bound, err := bindLoopback(socket, number)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bind 127.0.0.1:%d: %w", number, err), unix.Close(socket))
	}
	return &port{number: bound, socket: socket}, nil
}

func bindLoopback(socket, number int) (bound int, err error) {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
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
