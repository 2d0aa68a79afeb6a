package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// shared is the cluster of all tests that don't disturb it, with one certshim in it.
var shared *deployed

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	running, err := cluster.StartMain(ctx)
	if err != nil {
		return 1, fmt.Errorf("start the cluster: %w", err)
	}
	defer func() {
		if stopErr := running.Stop(); err == nil {
			err = stopErr
		}
	}()
	if shared, err = deploy(ctx, running); err != nil {
		return 1, err
	}
	if err := shared.start(ctx, "certshim", "--default-issuer-name=default", "--default-issuer-kind=ClusterIssuer",
		"--extra-certificate-annotations=example.com/owner"); err != nil {
		return 1, err
	}
	defer shared.stop("certshim")
	return m.Run(), nil
}
