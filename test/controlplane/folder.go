package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const lockName = "lock"

// folder is where one run keeps everything. It is locked as long as the run lives: the kernel gives up the lock when
// the process dies, so a folder that can be locked belongs to nobody.
type folder struct {
	path      string
	lock      *os.File
	temporary bool
}

// openFolder locks dir, made if need be and kept afterwards; without dir, a new temporary folder, removed by close.
func openFolder(dir string) (*folder, error) {
	if dir == "" {
		return temporaryFolder(registryPath())
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(path, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s is in use by another control plane that runs: stop it, or choose another --dir", path)
	}
	return &folder{path: path, lock: lock}, err
}

// registryPath is the folder of this user's temporary folders: by looking there a run finds what killed ones left.
func registryPath() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("certshim-controlplane-%d", os.Getuid()))
}

// temporaryFolder makes a new folder in the registry and removes those of runs that are gone. The registry is locked
// meanwhile, since between making a folder and locking it the folder looks like one that was left over.
func temporaryFolder(registry string) (*folder, error) {
	if err := os.MkdirAll(registry, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(registry, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := removeLeftovers(registry); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(registry, "")
	if err != nil {
		return nil, err
	}
	own, err := lockFile(path, unix.LOCK_EX)
	return &folder{path: path, lock: own, temporary: true}, err
}

func removeLeftovers(registry string) error {
	entries, err := os.ReadDir(registry)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		path := filepath.Join(registry, entry.Name())
		lock, err := lockFile(path, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		err = os.RemoveAll(path)
		if err := errors.Join(err, lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// lockFile takes the lock of a folder: how is flock's operation. The lock goes when the file is closed.
func lockFile(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), how); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

// file returns the path of a file in the folder.
func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

// write replaces a file of the folder as a whole, so that nobody reads half of it.
func (f *folder) write(name string, content []byte) error {
	path := f.file(name)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// log opens a program's log for appending.
func (f *folder) log(program string) (*os.File, error) {
	return os.OpenFile(f.file(program+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// logTail returns the last lines of a program's log, for an error message.
func (f *folder) logTail(program string, count int) string {
	content, err := os.ReadFile(f.file(program + ".log"))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// close removes a temporary folder, and gives up the lock.
func (f *folder) close() error {
	var err error
	if f.temporary {
		err = os.RemoveAll(f.path)
	}
	return errors.Join(err, f.lock.Close())
}
