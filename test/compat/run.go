package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// workshop is where tests are run.
type workshop struct {
	// test is the folder of the test module, and bin where programs are built.
	test, bin string
	// output is where everything that the tests print goes.
	output io.Writer
}

// run builds the programs of a set, and runs its tests. The error is of what isn't a test's.
func (w workshop) run(ctx context.Context, s set) (result, error) {
	build := w.command(ctx, filepath.Join(w.test, "compat/build.sh"), w.bin, s.kubernetes, s.certManager)
	build.Stdout = w.output
	if err := build.Run(); err != nil {
		return result{}, fmt.Errorf("build.sh: %w", err)
	}
	arguments := []string{"test", "-json", "-count=1", "-p=1", "-timeout=30m", "-run=^(" + strings.Join(s.tests(), "|") + ")$"}
	test := w.command(ctx, "go", append(arguments, packages()...)...)
	test.Env = append(os.Environ(),
		"KUBEBUILDER_ASSETS="+filepath.Join(w.bin, "compat/kubernetes-"+s.kubernetes),
		"CERTSHIM_CERT_MANAGER_PROGRAMS="+filepath.Join(w.bin, "compat/cert-manager-"+s.certManager),
		"CERTSHIM_KUBERNETES_VERSION="+s.kubernetes, "CERTSHIM_CERT_MANAGER_VERSION="+s.certManager, "CERTSHIM_GATEWAY_API_VERSION="+s.gatewayAPI)
	events, err := test.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := test.Start(); err != nil {
		return result{}, err
	}
	passed, err := w.follow(events)
	waited := test.Wait()
	r := w.judge(s, passed)
	if waited != nil && r.failed == 0 {
		err = errors.Join(err, fmt.Errorf("each test passed, but go test ended with: %w", waited))
	}
	return r, errors.Join(err, ctx.Err())
}

// command is ended by the end of ctx as by Ctrl-C, so that what it has started ends, too.
func (w workshop) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir, command.Stderr = w.test, w.output
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	return command
}

// follow reads the events of `go test -json`, prints what the tests print, and gives those that passed.
func (w workshop) follow(events io.Reader) (passed map[string]bool, err error) {
	passed = map[string]bool{}
	decoder := json.NewDecoder(events)
	for {
		var event struct{ Action, Test, Output string }
		switch err := decoder.Decode(&event); {
		case errors.Is(err, io.EOF):
			return passed, nil
		case err != nil:
			return passed, err
		}
		if event.Action == "pass" {
			passed[event.Test] = true
		}
		if _, err := io.WriteString(w.output, event.Output); err != nil {
			return passed, err
		}
	}
}

// judge wants each test to have passed: one that was skipped, or isn't there any more, has failed.
func (w workshop) judge(s set, passed map[string]bool) result {
	r := result{set: s}
	for _, test := range s.tests() {
		if passed[test] {
			r.passed++
			continue
		}
		r.failed++
		_, _ = fmt.Fprintf(w.output, "compat: %s hasn't passed with %s\n", test, s)
	}
	return r
}

// dirty is said of a commit that isn't all that was run.
const dirty = "-dirty"

// commit is what is checked out, and dirty where it was changed, other than by the results of this program.
func (w workshop) commit(ctx context.Context) (string, error) {
	git := func(arguments ...string) (string, error) {
		command := w.command(ctx, "git", arguments...)
		var output bytes.Buffer
		command.Stdout = &output
		err := command.Run()
		return strings.TrimSpace(output.String()), err
	}
	commit, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "", fmt.Errorf("git rev-parse: %w", err)
	}
	changes, err := git("status", "--porcelain", "--", ":/", ":!/README.md", ":!/test/compat/results")
	if err != nil {
		return "", fmt.Errorf("git status: %w", err)
	}
	if changes != "" {
		commit += dirty
	}
	return commit, nil
}
