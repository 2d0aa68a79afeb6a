package external

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/certshim/certshim/test/cluster"
)

// Build builds the programs that this package runs: minutes once, no time later. How far it is goes to standard error.
func Build(ctx context.Context) error { return buildPrograms(ctx) }

// BuildPebble builds those alone that [Pebble.Start] runs.
func BuildPebble(ctx context.Context) error { return buildPrograms(ctx, "pebble") }

func buildPrograms(ctx context.Context, only ...string) error {
	program, err := cluster.Binary("pebble")
	if err != nil {
		return err
	}
	bin := filepath.Dir(program)
	build := exec.CommandContext(ctx, filepath.Join(bin, "..", "test", "external", "build.sh"), append([]string{bin}, only...)...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the external issuers: %w", err)
	}
	return nil
}
