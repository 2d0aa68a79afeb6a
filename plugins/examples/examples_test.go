package examples_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/certshim/certshim/plugins/plugintest"
)

func TestTheExampleInGo(t *testing.T) {
	program := filepath.Join(t.TempDir(), "plugin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conforms(t, nil, program, "-socket", "-issuers")
}

// It runs where Python's gRPC, protoc and its plugin are installed.
func TestTheExampleInPython(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import grpc, google.protobuf").Run(); err != nil {
		t.Skipf("%s has no grpc: install python3-grpcio and python3-protobuf", python)
	}
	for _, tool := range []string{"protoc", "grpc_python_plugin"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: install protobuf-compiler and protobuf-compiler-grpc", tool)
		}
	}
	generated := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "./python/generate.sh", generated).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conforms(t, []string{"PYTHONPATH=" + generated}, "./python/plugin.py", "--socket", "--issuers")
}

// process is a plugin that is started, killed and stopped.
type process struct {
	environment []string
	arguments   []string
	command     *exec.Cmd
	output      string
}

func (p *process) start() error {
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p.command = exec.Command(p.arguments[0], p.arguments[1:]...)
	p.command.Env = append(os.Environ(), p.environment...)
	p.command.Stdout = output
	return errors.Join(p.command.Start(), output.Close())
}

// end sends a signal and waits; that a signal ended it is no error.
func (p *process) end(signal os.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var exit *exec.ExitError
	if err := p.command.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// conforms runs the kit against a plugin whose ConfigMap is a file.
func conforms(t *testing.T, environment []string, program, socketFlag, issuersFlag string) {
	t.Helper()
	folder := t.TempDir()
	socket, issuers := filepath.Join(folder, "plugin.sock"), filepath.Join(t.TempDir(), "issuers.json")
	content, err := os.ReadFile("issuers.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(issuers, content, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{environment: environment, output: filepath.Join(t.TempDir(), "output"), arguments: []string{program, socketFlag, socket, issuersFlag, issuers}}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.end(syscall.SIGKILL) })
	awaitSocket(t, socket)
	o := plugintest.QuickOptions()
	days := 365
	o.Change = func(context.Context) error {
		days++
		changed := bytes.Replace(content, []byte(`"maxDays": 365`), fmt.Appendf(nil, `"maxDays": %d`, days), 1)
		return os.WriteFile(issuers, changed, 0o600)
	}
	o.Storm = func(ctx context.Context) error {
		var errs []error
		for days := range 1000 {
			changed := bytes.Replace(content, []byte(`"maxDays": 365`), fmt.Appendf(nil, `"maxDays": %d`, days+1), 1)
			errs = append(errs, os.WriteFile(issuers, changed, 0o600))
		}
		return errors.Join(append(errs, ctx.Err())...)
	}
	o.Restart = func(context.Context) error { return errors.Join(p.end(syscall.SIGKILL), p.start()) }
	o.Stop = func(context.Context) error { return p.end(syscall.SIGTERM) }
	text, err := os.ReadFile("fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fixture, err := plugintest.ReadFixture(text, "fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// The machine may be busy.
	fixture.Timeout = 10 * time.Second
	fixture.Output = "cat " + p.output
	report, err := plugintest.Check(t.Context(), socket, fixture, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		// An example does what it should, too.
		if result.Outcome == plugintest.Failed {
			t.Errorf("%s: %s: %s\n%s", result.ID, result.Title, result.Detail, result.Hint)
		}
	}
	t.Log(report.Verdict())
}

// awaitSocket waits until the plugin takes connections.
func awaitSocket(t *testing.T, socket string) {
	t.Helper()
	soon := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}, MinConnectTimeout: time.Second}
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(soon))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for state := connection.GetState(); state != connectivity.Ready; state = connection.GetState() {
		connection.Connect()
		if !connection.WaitForStateChange(ctx, state) {
			t.Fatal("the plugin did not start")
		}
	}
}
