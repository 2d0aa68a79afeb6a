package cluster

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

	"github.com/certshim/certshim/test/process"
)

// certshimAccount is the namespace and the name of the ServiceAccount in deploy/.
const certshimAccount = "certshim"

// Deploy applies deploy/ as the README says and returns a kubeconfig of certshim's ServiceAccount. There is no kubelet,
// so the Deployment starts nothing: [Cluster.StartCertshim] does.
func (c *Cluster) Deploy(ctx context.Context) (kubeconfig string, err error) {
	if err := c.Kubectl(ctx, "apply", "-k", "deploy"); err != nil {
		return "", err
	}
	return c.AccountKubeconfig(ctx, certshimAccount, certshimAccount)
}

// Kubectl runs bin/kubectl as the cluster's administrator, in the repository's root. Its output is in the error.
func (c *Cluster) Kubectl(ctx context.Context, arguments ...string) error {
	root, err := repository()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(root, "bin/kubectl"), arguments...)
	command.Dir = root
	command.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %q: %w\n%s", arguments, err, output)
	}
	return nil
}

// Certshim is one process of bin/certshim's controller.
type Certshim struct {
	*process.Process
	// Address serves its metrics and its health.
	Address string

	log string
}

// StartCertshim runs a controller alone, with that kubeconfig, and returns when it is ready. Its log is
// certshim.log. The caller stops it.
func (c *Cluster) StartCertshim(ctx context.Context, kubeconfig string, flags ...string) (*process.Process, error) {
	flags = append([]string{"--kubeconfig=" + kubeconfig, "--leader-elect=false"}, flags...)
	certshim, err := c.LaunchCertshim(ctx, "certshim", nil, flags...)
	if err != nil {
		return nil, err
	}
	if err := certshim.UntilReady(ctx); err != nil {
		return nil, errors.Join(err, certshim.Stop())
	}
	return certshim.Process, nil
}

// LaunchCertshim runs a controller, with additions to its environment, and doesn't wait for it. Its log is NAME.log.
// The caller stops it.
func (c *Cluster) LaunchCertshim(ctx context.Context, name string, env []string, flags ...string) (*Certshim, error) {
	path := c.Certshim
	if path == "" {
		var err error
		if path, err = Binary("certshim"); err != nil {
			return nil, err
		}
	}
	address, err := FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log := filepath.Join(c.Logs, name+".log")
	running, err := process.Start(ctx, process.Program{
		Path: path, Env: env, Log: log,
		Args: append([]string{
			"controller", "--metrics-listen-address=" + address, "--healthz-listen-address=0",
			"--leader-election-namespace=" + certshimAccount,
		}, flags...),
	})
	if err != nil {
		return nil, err
	}
	return &Certshim{running, address, log}, nil
}

// UntilReady waits until it is ready; the log of one that doesn't become so is in the error.
func (s *Certshim) UntilReady(ctx context.Context) error {
	err := Answers(ctx, s.Process, http.DefaultClient, "http://"+s.Address+"/readyz")
	if err != nil {
		content, _ := os.ReadFile(s.log)
		err = fmt.Errorf("%w\n%s", err, content)
	}
	return err
}

// LogTail is the end of its log, a hundred lines or less.
func (s *Certshim) LogTail() string {
	content, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(content), "\n")
	return strings.Join(lines[max(0, len(lines)-100):], "")
}

// Answers waits until the program answers 200 at the URL; one that ends before is an error.
func Answers(ctx context.Context, program *process.Process, client *http.Client, url string) error {
	return await(ctx, program, url+" to answer", func(ctx context.Context) error { return ask(ctx, client, url) })
}

// Listens waits until the program takes connections at the address of a network, such as tcp; one that ends before is an error.
func Listens(ctx context.Context, program *process.Process, network, address string) error {
	return await(ctx, program, address+" to listen", func(ctx context.Context) error {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

func await(ctx context.Context, program *process.Process, what string, try func(context.Context) error) error {
	var last error
	err := Poll(ctx, what, func(ctx context.Context) (bool, error) {
		select {
		case <-program.Done():
			return false, errors.New("the program ended; waited for " + what)
		default:
		}
		last = try(ctx)
		return last == nil, nil
	})
	return errors.Join(err, last)
}

func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil || response.StatusCode == http.StatusOK {
		return err
	}
	return errors.New(response.Status)
}

// FreeAddress is an address on loopback that nobody listened on a moment ago.
func FreeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
