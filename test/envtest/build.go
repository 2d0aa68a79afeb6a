package envtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const rootModule = "module github.com/certshim/certshim"

// Binary returns the path of a program in the repository's bin folder, such as kubectl, whether it has been built or not.
func Binary(name string) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "bin", name), nil
}

// build brings bin/controlplane up to date and returns its path. How far it is goes to standard error. A deadline of ctx
// is meant for the start of a control plane, not for a build that takes minutes once, so it doesn't count here.
func build(ctx context.Context) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "bin")
	script := filepath.Join(root, "test", "controlplane", "build.sh")
	cmd := exec.CommandContext(context.WithoutCancel(ctx), script, bin)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w", script, bin, err)
	}
	return filepath.Join(bin, "controlplane"), nil
}

// repository returns the folder of the root module: the nearest one above the working directory.
func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		found, err := isRoot(dir)
		if err != nil {
			return "", err
		}
		if found {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod of %q above %s: run inside the repository", rootModule, start)
		}
	}
}

func isRoot(dir string) (bool, error) {
	content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for line := range strings.Lines(string(content)) {
		if strings.TrimSpace(line) == rootModule {
			return true, nil
		}
	}
	return false, err
}
