package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// MaxSocketPath is the longest path of a Unix domain socket, in bytes.
const MaxSocketPath = 107

// CheckSocket returns what is wrong with a socket before it is dialled: it is no socket or a
// symbolic link.
func CheckSocket(path string) error {
	if len(path) > MaxSocketPath {
		return fmt.Errorf("the path of socket %s has %d bytes, must have at most %d", path, len(path), MaxSocketPath)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is a %s, must be a Unix domain socket", path, typeOf(info))
	}
	return nil
}

func typeOf(info os.FileInfo) string {
	switch {
	case info.Mode().IsRegular():
		return "regular file"
	case info.IsDir():
		return "folder"
	case info.Mode()&os.ModeSymlink != 0:
		return "link"
	}
	return "special file"
}

// Process is a process that listens on a socket. Its PID is 0 if it isn't visible, such as in
// another container.
type Process struct{ PID, UID int }

// Listener returns the process that listens on a socket. It works on Linux only.
func Listener(ctx context.Context, path string) (Process, error) {
	connection, err := dial(ctx, path, nil)
	if err != nil {
		return Process{}, err
	}
	process, err := peer(connection)
	return process, errors.Join(err, connection.Close())
}

// dial connects to a socket, and checks the user of the other end where it must be a certain one.
func dial(ctx context.Context, path string, uid *int) (net.Conn, error) {
	if err := CheckSocket(path); err != nil {
		return nil, err
	}
	must, why, err := userBehind(path, uid, os.Geteuid())
	if err != nil {
		return nil, err
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil || must == nil {
		return connection, err
	}
	process, err := peer(connection)
	if err == nil && process.UID != *must {
		err = fmt.Errorf("the process behind socket %s runs as user %d, must be %d%s", path, process.UID, *must, why)
	}
	if err != nil {
		_ = connection.Close()
		return nil, err
	}
	return connection, nil
}

// userBehind is who must listen on a socket: the user that is configured, or, where anybody could have put it into its folder, certshim's
// own. The kubelet makes an emptyDir such a folder. Nil: whoever it is.
func userBehind(path string, configured *int, own int) (uid *int, why string, err error) {
	if configured != nil {
		return configured, "", nil
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, "", err
	}
	if folder.Mode().Perm()&0o002 == 0 || folder.Mode()&os.ModeSticky != 0 {
		return nil, "", nil
	}
	return &own, ", as this process: anybody may write in the socket's folder, and no uid is configured for the plugin", nil
}
