package remote

import (
	"errors"
	"net"
	"syscall"
)

// peer returns the process that listens.
func peer(connection net.Conn) (Process, error) {
	socket, isUnix := connection.(*net.UnixConn)
	if !isUnix {
		return Process{}, errors.New("the process can be determined for Unix domain sockets only")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return Process{}, err
	}
	var credentials *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		credentials, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return Process{}, err
	}
	return Process{PID: int(credentials.Pid), UID: int(credentials.Uid)}, nil
}
