package app

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// openRegular opens a file that is one: a named pipe or a device may never end.
func openRegular(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, must be a regular file", name, fileKind(info.Mode()))
	}
	return os.Open(name)
}

// readRegular is [os.ReadFile] for regular files.
func readRegular(name string) ([]byte, error) {
	file, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return content, err
}

func fileKind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "no file of a usual kind"
	}
}
