package remote

import (
	"errors"
	"net"
	"syscall"
)

// peerUser is the user of the process that listens.
func peerUser(connection net.Conn) (int, error) {
	socket, isUnix := connection.(*net.UnixConn)
	if !isUnix {
		return 0, errors.New("the user of a process is known for Unix domain sockets only")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		credentials, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return 0, err
	}
	return int(credentials.Uid), nil
}
