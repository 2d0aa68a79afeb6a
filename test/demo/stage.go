package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// patience ends a wait that won't succeed.
const patience = 2 * time.Minute

// namespace is where the scenes play.
const namespace = "shop"

// stage is a cluster with everything in it that the scenes need.
type stage struct {
	*screen
	cluster  *cluster.Cluster
	certshim *process.Process
	// root is the folder of the repository, in which commands run.
	root string
	// authorities are the CAs of the issuers, by the issuer's name.
	authorities map[string]cluster.Authority
	// signed counts the Secrets whose chain was checked.
	signed int
}

func setStage(ctx context.Context, screen *screen) (*stage, error) {
	running, err := cluster.StartMain(ctx)
	if err != nil {
		return nil, err
	}
	s := &stage{screen: screen, cluster: running, authorities: map[string]cluster.Authority{}}
	if err := s.furnish(ctx); err != nil {
		return nil, errors.Join(err, s.clear())
	}
	return s, nil
}

// furnish starts certshim and waits until it is ready.
func (s *stage) furnish(ctx context.Context) error {
	binary, err := cluster.Binary("certshim")
	if err != nil {
		return err
	}
	s.root = filepath.Dir(filepath.Dir(binary))
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s.certshim, err = process.Start(ctx, process.Program{
		Path: binary,
		Args: []string{
			"controller", "--kubeconfig=" + s.kubeconfig(), "--leader-elect=false",
			"--metrics-listen-address=" + address,
			"--default-issuer-name=company", "--default-issuer-kind=ClusterIssuer",
		},
		Log: filepath.Join(s.cluster.Logs, "certshim.log"),
	})
	if err != nil {
		return err
	}
	return s.untilReady(ctx, "http://"+address+"/readyz")
}

func (s *stage) untilReady(ctx context.Context, url string) error {
	return s.until(ctx, "certshim to be ready", func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it listens in a moment
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}

func (s *stage) kubeconfig() string { return s.cluster.Kubeconfig }

func (s *stage) clear() error {
	var errs []error
	if s.certshim != nil {
		errs = append(errs, s.certshim.Stop())
	}
	return errors.Join(append(errs, s.cluster.Stop())...)
}

// until polls a condition that no watch tells.
func (s *stage) until(ctx context.Context, what string, condition func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := condition(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s", patience, what)
		case <-tick.C:
		}
	}
}

// kubectl runs a command as a person would type it, and shows it.
func (s *stage) kubectl(ctx context.Context, line string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.root, "bin", "kubectl"), strings.Fields(line)...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig())
	out, err := cmd.CombinedOutput()
	s.command("kubectl "+line, string(out))
	if err != nil {
		return fmt.Errorf("kubectl %s: %w", line, err)
	}
	return nil
}

func freeAddress() (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
