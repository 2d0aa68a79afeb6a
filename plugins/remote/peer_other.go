//go:build !linux

package remote

import (
	"errors"
	"net"
)

func peer(net.Conn) (Process, error) {
	return Process{}, errors.New("the process behind a socket can be determined on Linux only")
}
