package upgrade

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed FROM
var from string

// What somebody has installed of the version before: its deploy/, or its chart. Until a version with a chart is released, that
// isn't the same commit.
const (
	Deploy = "deploy"
	Chart  = "chart"
)

// Commit is that of the version before, of which deploy/ or the chart was installed.
func Commit(installed string) (string, error) {
	for line := range strings.Lines(from) {
		if what, commit, _ := strings.Cut(strings.TrimSpace(line), " "); what == installed {
			return commit, nil
		}
	}
	return "", fmt.Errorf("test/upgrade/FROM names no commit for %q:\n%s", installed, from)
}

// Before is the version before: its files, and its program.
type Before struct {
	// Folder is the root of its repository.
	Folder string
	// Program is the path of its certshim.
	Program string
}

// Build takes the version before, of which deploy/ or the chart was installed, out of the repository's history into a folder,
// and builds it.
func Build(ctx context.Context, repository, folder, installed string) (Before, error) {
	commit, err := Commit(installed)
	if err != nil {
		return Before{}, err
	}
	if err := run(ctx, repository, "git", "cat-file", "-e", commit+"^{commit}"); err != nil {
		return Before{}, fmt.Errorf("test/upgrade/FROM names commit %s, which this clone doesn't have: run \"git fetch --unshallow\", or clone with the whole history of main", commit)
	}
	archive := filepath.Join(folder, "before.tar")
	before := Before{Folder: filepath.Join(folder, "before"), Program: filepath.Join(folder, "certshim-before")}
	if err := os.Mkdir(before.Folder, 0o755); err != nil {
		return Before{}, err
	}
	for _, step := range [][]string{
		{repository, "git", "archive", "--output=" + archive, commit},
		{folder, "tar", "-xf", archive, "-C", before.Folder},
		{before.Folder, "go", "build", "-buildvcs=false", "-tags=grpcnotrace", "-ldflags=-s -w", "-o", before.Program, "./cmd/certshim"},
	} {
		if err := run(ctx, step[0], step[1:]...); err != nil {
			return Before{}, fmt.Errorf("the version before, commit %s: %w", commit, err)
		}
	}
	return before, nil
}

func run(ctx context.Context, folder string, words ...string) error {
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Dir = folder
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, output)
	}
	return nil
}
