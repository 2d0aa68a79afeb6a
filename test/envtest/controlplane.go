package envtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	stopGrace   = 10 * time.Second
	restartPoll = 50 * time.Millisecond
)

// ControlPlane is a control plane that runs. It doesn't outlive this process, however that ends.
type ControlPlane struct {
	// Dir is the folder of the run, with etcd.log, kube-apiserver.log and controlplane.log. Stop removes it.
	Dir string
	// Kubeconfig is the path of the kubeconfig of an administrator, who is bound to cluster-admin and not exempt from
	// priority and fairness. Config is the same, without a client-side limit on requests.
	Kubeconfig string
	Config     *rest.Config

	cmd      *exec.Cmd
	lifeline io.Closer
	stderr   bytes.Buffer // complete when done is closed
	done     chan struct{}
}

// Pids are the process ids of a control plane.
type Pids struct {
	Supervisor int `json:"supervisor"`
	Etcd       int `json:"etcd"`
	APIServer  int `json:"apiserver"`
}

// Start starts a control plane for one test and stops it at the end of that test.
func Start(t testing.TB) *ControlPlane {
	t.Helper()
	controlPlane, err := StartMain(t.Context())
	if err != nil {
		t.Fatal("start a control plane: ", err)
	}
	t.Cleanup(func() {
		if err := controlPlane.Stop(); err != nil {
			t.Error("stop the control plane: ", err)
		}
	})
	return controlPlane
}

// StartMain starts a control plane and returns when it is ready. ctx bounds the start only; the caller calls Stop.
func StartMain(ctx context.Context) (*ControlPlane, error) { return start(ctx) }

// StartIn is StartMain in an existing folder, which Stop leaves there.
func StartIn(ctx context.Context, folder string) (*ControlPlane, error) {
	return start(ctx, "--dir="+folder)
}

func start(ctx context.Context, flags ...string) (*ControlPlane, error) {
	c := &ControlPlane{}
	if err := c.run(ctx, flags...); err != nil {
		return nil, err
	}
	return c, nil
}

// run runs the control plane, and stops it again if it doesn't become ready.
func (c *ControlPlane) run(ctx context.Context, flags ...string) error {
	path, err := build(ctx)
	if err != nil {
		return err
	}
	c.cmd, c.done = exec.CommandContext(context.WithoutCancel(ctx), path, append([]string{"run"}, flags...)...), make(chan struct{})
	// Memory is there, and processors are few: collecting garbage took a fifth of their time.
	c.cmd.Env = append([]string{"GOGC=400"}, os.Environ()...)
	c.cmd.Stderr = &c.stderr
	if c.lifeline, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	kubeconfig := make(chan string, 1)
	go c.follow(stdout, kubeconfig)
	if err := c.awaitReady(ctx, kubeconfig); err != nil {
		return errors.Join(err, c.Stop())
	}
	return nil
}

// follow reads what the control plane prints, until it ends.
func (c *ControlPlane) follow(stdout io.Reader, kubeconfig chan<- string) {
	defer close(c.done)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if path, ok := strings.CutPrefix(lines.Text(), "KUBECONFIG="); ok {
			kubeconfig <- path
		}
	}
	_ = c.cmd.Wait()
}

func (c *ControlPlane) awaitReady(ctx context.Context, kubeconfig <-chan string) (err error) {
	select {
	case c.Kubeconfig = <-kubeconfig:
	case <-c.done:
		return fmt.Errorf("it ended before it was ready: %s\n%s", c.cmd.ProcessState, c.stderr.String())
	case <-ctx.Done():
		return fmt.Errorf("it was not ready in time: %w", context.Cause(ctx))
	}
	c.Dir = filepath.Dir(c.Kubeconfig)
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return err
	}
	c.Config.QPS = -1
	return nil
}

// Pids returns which processes the control plane consists of now.
func (c *ControlPlane) Pids() (Pids, error) {
	var pids Pids
	content, err := os.ReadFile(filepath.Join(c.Dir, "pids.json"))
	if err != nil {
		return pids, err
	}
	return pids, json.Unmarshal(content, &pids)
}

// RestartAPIServer kills kube-apiserver as a crash would, and returns when it serves again, on the same port and with
// the same data.
func (c *ControlPlane) RestartAPIServer(ctx context.Context) error {
	before, err := c.Pids()
	if err != nil {
		return err
	}
	if err := c.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return fmt.Errorf("ask for a restart: %w", err)
	}
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return err
	}
	poll := time.NewTicker(restartPoll)
	defer poll.Stop()
	for {
		now, err := c.Pids()
		if err != nil {
			return err
		}
		if now.APIServer != before.APIServer && c.ready(ctx, client) {
			return nil
		}
		select {
		case <-poll.C:
		case <-c.done:
			return fmt.Errorf("the control plane ended: %s\n%s", c.cmd.ProcessState, c.stderr.String())
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver is not back: %w", context.Cause(ctx))
		}
	}
}

func (c *ControlPlane) ready(ctx context.Context, client *http.Client) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Config.Host+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// Snapshot copies etcd's data, as they are at this moment, into a folder. etcd stands still meanwhile.
func (c *ControlPlane) Snapshot(to string) (err error) {
	pids, err := c.Pids()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pids.Etcd, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause etcd: %w", err)
	}
	defer func() { err = errors.Join(err, syscall.Kill(pids.Etcd, syscall.SIGCONT)) }()
	return os.CopyFS(to, os.DirFS(c.data()))
}

// Restore stops the whole control plane, which [StartIn] has started, and starts it again at the same address with the data of a snapshot.
func (c *ControlPlane) Restore(ctx context.Context, from string) error {
	address, err := url.Parse(c.Config.Host)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Stop(), os.RemoveAll(c.data())); err != nil {
		return err
	}
	if err := os.CopyFS(c.data(), os.DirFS(from)); err != nil {
		return err
	}
	return c.run(ctx, "--dir="+c.Dir, "--port="+address.Port())
}

func (c *ControlPlane) data() string { return filepath.Join(c.Dir, "etcd") }

// Stop ends the control plane and returns when nothing of it runs any more and its folder is gone. One that has ended
// already, by Stop or else, is no error.
func (c *ControlPlane) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.lifeline.Close()
	select {
	case <-c.done:
		return nil
	case <-time.After(stopGrace):
		err := fmt.Errorf("the control plane did not end within %s of SIGTERM", stopGrace)
		err = errors.Join(err, c.cmd.Process.Kill())
		<-c.done
		return err
	}
}
