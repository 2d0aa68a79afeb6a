package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// patience is for a busy machine: no test waits that long unless it fails.
	patience  = 90 * time.Second
	pollEvery = 20 * time.Millisecond
)

// shared serves all tests that only talk to the API server, each in a namespace of its own.
var shared *controlPlane

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	build := exec.Command("../build.sh", filepath.Dir(binary("controlplane")))
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the control plane:", err)
		return 1
	}
	var err error
	if shared, err = launch(command()); err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	defer shared.lifeline.Close()
	return m.Run()
}

// controlPlane is one that runs, or has run.
type controlPlane struct {
	dir, kubeconfig string
	config          *rest.Config
	client          *kubernetes.Clientset

	cmd      *exec.Cmd
	lifeline io.Closer
	done     chan struct{}
}

type pids struct{ Supervisor, Etcd, APIServer int }

func (p pids) all() []int { return []int{p.Supervisor, p.Etcd, p.APIServer} }

// binary returns the absolute path of a program that build.sh makes.
func binary(name string) string {
	path, err := filepath.Abs(filepath.Join("../../../bin", name))
	if err != nil {
		panic(err)
	}
	return path
}

func command(args ...string) *exec.Cmd {
	return exec.Command(binary("controlplane"), append([]string{"run"}, args...)...)
}

// start starts a control plane that ends with the test at the latest.
func start(t *testing.T, cmd *exec.Cmd) *controlPlane {
	t.Helper()
	c, err := launch(cmd)
	if err != nil {
		t.Fatal("start: ", err)
	}
	t.Cleanup(func() {
		_ = c.lifeline.Close()
		c.awaitEnd(t)
	})
	return c
}

// launch runs the command, whose standard input becomes a lifeline, and waits until it says that it is ready.
func launch(cmd *exec.Cmd) (*controlPlane, error) {
	c := &controlPlane{cmd: cmd, done: make(chan struct{})}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lifeline = io.NopCloser(nil)
	if cmd.Stdin == nil {
		if c.lifeline, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		defer close(c.done)
		_ = cmd.Wait()
	}()
	if err != nil {
		<-c.done
		return nil, fmt.Errorf("%s: %s", cmd.ProcessState, stderr.String())
	}
	return c, c.connect(strings.TrimSpace(line))
}

func (c *controlPlane) connect(line string) error {
	path, found := strings.CutPrefix(line, "KUBECONFIG=")
	if !found {
		return fmt.Errorf("the first line is %q, want KUBECONFIG=PATH", line)
	}
	c.kubeconfig, c.dir = path, filepath.Dir(path)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return err
	}
	config.QPS = -1
	c.config = config
	c.client, err = kubernetes.NewForConfig(config)
	return err
}

func (c *controlPlane) pids(t *testing.T) pids {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, "pids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p pids
	if err := json.Unmarshal(content, &p); err != nil {
		t.Fatalf("pids.json %q: %v", content, err)
	}
	return p
}

func (c *controlPlane) ready(ctx context.Context) error {
	return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

func (c *controlPlane) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		t.Error("the control plane has not ended")
	}
}

// eventually asks until the answer is nil.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for end := time.Now().Add(patience); ; <-poll.C {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: still not after %s: %v", what, patience, err)
		}
	}
}

// gone returns nil when none of the processes runs. One that nobody has waited for yet is gone, too.
func gone(pids ...int) error {
	for _, pid := range pids {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && strings.Contains(string(stat), ") Z ") {
			continue
		}
		return fmt.Errorf("process %d runs", pid)
	}
	return nil
}

func removed(path string) error {
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		return fmt.Errorf("%s is there (%v)", path, err)
	}
	return nil
}
