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
func Build(ctx context.Context) error {
	program, err := cluster.Binary("pebble")
	if err != nil {
		return err
	}
	bin := filepath.Dir(program)
	build := exec.CommandContext(ctx, filepath.Join(bin, "..", "test", "external", "build.sh"), bin)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the external issuers: %w", err)
	}
	return nil
}
