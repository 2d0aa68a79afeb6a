package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// commit is a clone of one commit, and nothing else: what isn't committed is in no release.
type commit struct {
	folder, hash string
	time         time.Time
}

// cloneHead clones the commit that is checked out, and tags the clone, whether the repository has that tag already or not:
// Go writes it into the program.
func cloneHead(ctx context.Context, repository, into string, v version) (commit, error) {
	c := commit{folder: into}
	head, err := output(ctx, repository, nil, "git", "rev-parse", "HEAD")
	if err != nil {
		return c, err
	}
	c.hash = strings.TrimSpace(head)
	for _, words := range [][]string{
		{"git", "clone", "--quiet", "--no-checkout", "--no-tags", repository, into},
		{"git", "-C", into, "checkout", "--quiet", "--detach", c.hash},
		{"git", "-C", into, "tag", "--no-sign", v.String()},
	} {
		if _, err := output(ctx, repository, nil, words...); err != nil {
			return c, err
		}
	}
	seconds, err := output(ctx, into, nil, "git", "show", "--no-patch", "--format=%ct", "HEAD")
	if err != nil {
		return c, err
	}
	number, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	c.time = time.Unix(number, 0).UTC()
	return c, err
}

// read gives the content of a file of the commit.
func (c commit) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(c.folder, name))
}

// Flags of the build. The program is what "make build" makes, with the version of the release.
const (
	buildTags = "grpcnotrace"
	linkFlags = "-s -w -X github.com/certshim/certshim/cmd/certshim/app.Version="
)

func (c commit) build(ctx context.Context, v version, p platform) (program, error) {
	path := filepath.Join(filepath.Dir(c.folder), "certshim-"+p.os+"-"+p.arch)
	_, err := output(ctx, c.folder, environment(p),
		"go", "build", "-trimpath", "-buildvcs=true", "-tags="+buildTags, "-ldflags="+linkFlags+v.String(), "-o", path, "./cmd/certshim")
	if err != nil {
		return program{}, err
	}
	content, err := os.ReadFile(path)
	return program{platform: p, content: content}, err
}

// environment is all of Go's environment that decides about the bytes of a program. GOFLAGS isn't empty, which would
// mean what "go env -w" has set.
func environment(p platform) []string {
	return []string{
		"CGO_ENABLED=0", "GOOS=" + p.os, "GOARCH=" + p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off",
		"GOFLAGS=-mod=readonly", "GOWORK=off", "GOTOOLCHAIN=local", "GOEXPERIMENT=",
	}
}

// output runs a program and returns what it printed; what it complained of is in the error.
func output(ctx context.Context, folder string, additions []string, words ...string) (string, error) {
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Dir = folder
	command.Env = append(os.Environ(), additions...)
	var printed, complaints bytes.Buffer
	command.Stdout, command.Stderr = &printed, &complaints
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, complaints.String())
	}
	return printed.String(), nil
}
