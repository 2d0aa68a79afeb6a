package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external"
	"github.com/certshim/certshim/test/external/privateca"
)

// namespace is where the scenes play.
const namespace = "shop"

// stage is a cluster with everything in it that the scenes need.
type stage struct {
	*screen
	cluster *cluster.Cluster
	// external are the issuers that aren't cert-manager's own; nil without them.
	external *external.Stage
	// root is the folder of the repository, in which commands run.
	root string
	// authorities are the CAs of the issuers, by the issuer's name.
	authorities map[string]cluster.Authority
	// signed counts the Secrets whose chain was checked.
	signed int
	// clear stops everything.
	clear func() error
}

// setStage starts a cluster, and certshim in it.
func setStage(ctx context.Context, screen *screen) (*stage, error) {
	running, err := cluster.StartMain(ctx, cluster.WithProgress(screen.up))
	if err != nil {
		return nil, err
	}
	certshim, err := running.StartCertshim(ctx, running.Kubeconfig,
		"--default-issuer-name=company", "--default-issuer-kind=ClusterIssuer")
	if err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	screen.up("certshim")
	return newStage(screen, running, func() error { return errors.Join(certshim.Stop(), running.Stop()) })
}

// setExternalStage starts a cluster with real external issuers, and certshim in it.
func setExternalStage(ctx context.Context, screen *screen) (*stage, error) {
	running, err := external.StartWithProgress(ctx, "", screen.up)
	if err != nil {
		return nil, err
	}
	s, err := newStage(screen, running.Cluster, running.Stop)
	if err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	s.external = running
	return s, nil
}

func newStage(screen *screen, running *cluster.Cluster, clear func() error) (*stage, error) {
	binary, err := cluster.Binary("certshim")
	return &stage{
		screen: screen, cluster: running, clear: clear,
		root: filepath.Dir(filepath.Dir(binary)), authorities: map[string]cluster.Authority{},
	}, err
}

func (s *stage) kubeconfig() string { return s.cluster.Kubeconfig }

// invitation are commands to try while it stays up.
func (s *stage) invitation() []string {
	lines := []string{
		"export KUBECONFIG=" + s.kubeconfig(),
		"bin/kubectl get certificates,secrets -n shop",
		"bin/kubectl events -n shop --types=Warning",
	}
	if s.external == nil {
		return append(lines,
			"bin/certshim plan -n shop --default-issuer-name=company --default-issuer-kind=ClusterIssuer",
			"bin/kubectl annotate ingress web -n shop cert-manager.io/common-name=web.example.com")
	}
	return append(lines,
		"bin/kubectl annotate ingress external -n shop 'cert-manager.io/usages=server auth'",
		"export AWS_ENDPOINT_URL="+s.external.AWSPCA.URL(),
		"export AWS_ACCESS_KEY_ID="+privateca.AccessKeyID+" AWS_SECRET_ACCESS_KEY="+privateca.SecretAccessKey,
		"aws acm-pca get-certificate-authority-certificate --region "+privateca.Region+" --certificate-authority-arn "+privateca.ARN)
}

// kubectl runs a command as a person would type it, and shows it.
func (s *stage) kubectl(ctx context.Context, line string) error {
	return run(ctx, s.screen, s.root, s.kubeconfig(), "kubectl "+line)
}

// plan runs certshim plan on the cluster.
func (s *stage) plan(ctx context.Context, line string) error {
	return run(ctx, s.screen, s.root, s.kubeconfig(), "certshim plan "+line)
}

// preview runs certshim plan on files, before there is a cluster.
func preview(ctx context.Context, screen *screen) error {
	binary, err := cluster.Binary("certshim")
	if err != nil {
		return err
	}
	screen.title("Before there is a cluster: certshim plan shows what manifests lead to, and what is wrong with them")
	return run(ctx, screen, filepath.Dir(filepath.Dir(binary)), "", "certshim plan -f examples/issuer.yaml -f examples/bad-annotation.yaml")
}

// foundProblems is the exit status of certshim plan where it reports an error in a manifest.
const foundProblems = 1

// run runs a program of bin/ in the root of the repository, and shows it.
func run(ctx context.Context, screen *screen, root, kubeconfig, line string) error {
	words := strings.Fields(line)
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin", words[0]), words[1:]...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	out, err := cmd.CombinedOutput()
	screen.command(line, string(out))
	var ended *exec.ExitError
	if errors.As(err, &ended) && words[0] == "certshim" && ended.ExitCode() == foundProblems {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	return nil
}
