package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/certshim/certshim/test/crds"
	"github.com/certshim/certshim/test/process"
)

// certManagerPrograms names a folder with cert-manager's programs in another version: see test/compat.
const certManagerPrograms = "CERTSHIM_CERT_MANAGER_PROGRAMS"

// Binary returns the path of a program of this repository, built or not: certshim, certmanager, webhook, controlplane.
func Binary(name string) (string, error) {
	if folder := os.Getenv(certManagerPrograms); folder != "" && (name == "certmanager" || name == "webhook") {
		return filepath.Join(folder, name), nil
	}
	root, err := repository()
	return filepath.Join(root, "bin", name), err
}

// buildPrograms builds cert-manager's programs, which takes minutes once and no time later. The display goes to
// standard error.
func buildPrograms(ctx context.Context) error {
	if os.Getenv(certManagerPrograms) != "" {
		return nil
	}
	root, err := repository()
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, filepath.Join(root, "test/certmanager/build.sh"), filepath.Join(root, "bin"))
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build cert-manager's controllers: %w", err)
	}
	return nil
}

// repository is the folder of the root module.
func repository() (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(here) {
		return "", errors.New("built without paths (-trimpath): the folder of the repository is not known")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(here))), nil
}

// Run runs bin/PROGRAM against the cluster as its administrator, until the cluster stops at the latest, and returns
// when it is ready (see package process). Its log is NAME.log. The caller stops it.
func (c *Cluster) Run(ctx context.Context, name, program string, flags ...string) (*process.Process, error) {
	return c.run(ctx, name, program, c.Kubeconfig, nil, flags)
}

// RunAs is Run with a kubeconfig of somebody else, such as one of [Cluster.AccountKubeconfig].
func (c *Cluster) RunAs(ctx context.Context, kubeconfig, name, program string, flags ...string) (*process.Process, error) {
	return c.run(ctx, name, program, kubeconfig, nil, flags)
}

func (c *Cluster) run(
	ctx context.Context, name, program, kubeconfig string, environment, flags []string,
) (*process.Process, error) {
	path, err := Binary(program)
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, process.Program{
		Path:  path,
		Args:  append([]string{"--kubeconfig=" + kubeconfig}, flags...),
		Env:   append([]string{"TMPDIR=" + c.Logs}, environment...),
		Log:   filepath.Join(c.Logs, name+".log"),
		Ready: process.ReadyLine,
	})
}

// ShimMode is how cert-manager's shims write updates.
type ShimMode string

const (
	// ShimUpdates is upstream's default: the whole object is replaced.
	ShimUpdates ShimMode = "--server-side-apply=false"
	// ShimApplies is upstream's feature gate ServerSideApply.
	ShimApplies ShimMode = "--server-side-apply=true"
)

// StartShim runs cert-manager's own shims, for Ingress, and for Gateway and ListenerSet where the cluster was started
// with the Gateway API and its cert-manager has them, until StopShim or the end of the test. One at a time.
func (c *Cluster) StartShim(t testing.TB, mode ShimMode, flags ...string) {
	t.Helper()
	if c.shim != nil {
		t.Fatal("cert-manager's shims are running already")
	}
	flags = append([]string{"--controllers=" + strings.Join(c.Shims(t), ","), string(mode)}, flags...)
	shim, err := c.Run(t.Context(), "shim", "certmanager", flags...)
	if err != nil {
		t.Fatal("start cert-manager's shims: ", err)
	}
	c.shim = shim
	t.Cleanup(func() { c.StopShim(t) })
}

// ListenerSetShim is the shim that cert-manager has since 1.21.
const ListenerSetShim = "listenerset"

// Shims are the controllers that StartShim runs.
func (c *Cluster) Shims(t testing.TB) []string {
	t.Helper()
	if !slices.Contains(c.bundles, crds.Gateway) {
		return []string{"ingress-shim"}
	}
	certManager, err := crds.CertManager.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shims := []string{"ingress-shim", "gateway-shim"}
	if version.MustParseSemantic(certManager).AtLeast(version.MustParseSemantic("v1.21.0")) {
		shims = append(shims, ListenerSetShim)
	}
	return shims
}

// StopShim stops cert-manager's shims and returns when they are gone; if none run, it does nothing.
func (c *Cluster) StopShim(t testing.TB) {
	t.Helper()
	if c.shim == nil {
		return
	}
	shim := c.shim
	c.shim = nil
	if err := shim.Stop(); err != nil {
		t.Error("stop cert-manager's shims: ", err)
	}
}
