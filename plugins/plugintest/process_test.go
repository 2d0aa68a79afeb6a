package plugintest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/certshim/certshim/plugins/plugintest"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
)

// The environment that makes a plugin of this test's program.
const (
	socketVariable = "CERTSHIM_TEST_SOCKET"
	faultVariable  = "CERTSHIM_TEST_FAULT"
)

func TestMain(m *testing.M) {
	socket := os.Getenv(socketVariable)
	if socket == "" {
		os.Exit(m.Run())
	}
	if err := servePlugin(socket, faulty.Fault(os.Getenv(faultVariable))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func servePlugin(socket string, fault faulty.Fault) error {
	ctx, done := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer done()
	if fault == faulty.Deathless {
		signal.Ignore(syscall.SIGTERM)
	}
	stop, err := faulty.New(fault).Start(socket)
	if err != nil {
		return err
	}
	<-ctx.Done()
	stop()
	err = os.Remove(socket)
	if fault == faulty.Lingers {
		select {}
	}
	return err
}

// ofAProcess lists the faults that only show in a process: in what it uses and does, and how it
// ends.
func ofAProcess() []faulty.Fault {
	return []faulty.Fault{faulty.IgnoreCancel, faulty.Leak, faulty.KeepsConnections, faulty.Hoard, faulty.Lingers, faulty.Deathless}
}

// program is a plugin in a separate process, whose standard output goes to a file.
type program struct {
	socket, output string
	fault          faulty.Fault
	command        *exec.Cmd
}

func newProgram(t *testing.T, fault faulty.Fault) *program {
	t.Helper()
	p := &program{socket: filepath.Join(t.TempDir(), "p.sock"), output: filepath.Join(t.TempDir(), "output"), fault: fault}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.end(syscall.SIGKILL) })
	awaitSocket(t, p.socket)
	return p
}

// awaitSocket waits until the plugin accepts connections.
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

func (p *program) start() error {
	output, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p.command = exec.Command(os.Args[0])
	p.command.Env = append(os.Environ(), socketVariable+"="+p.socket, faultVariable+"="+string(p.fault))
	p.command.Stdout = output
	return errors.Join(p.command.Start(), output.Close())
}

// end sends a signal and waits; ending by that signal is no error.
func (p *program) end(with os.Signal) error {
	if err := p.command.Process.Signal(with); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var exit *exec.ExitError
	if err := p.command.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

func (p *program) options() plugintest.Options {
	return plugintest.Options{
		Beat: 3 * time.Second, Quiet: time.Second, Back: 5 * time.Second, Unread: 2 * time.Second, Calls: 100,
		Restart: func(context.Context) error { return errors.Join(p.end(syscall.SIGKILL), p.start()) },
		// Nobody waits for it: a command that stops a plugin need not either.
		Stop: func(context.Context) error { return p.command.Process.Signal(syscall.SIGTERM) },
	}
}

func TestFaultsThatShowInAProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a process can be looked at on Linux only")
	}
	f, err := plugintest.ReadFixture([]byte(fixture), "fixture.yaml")
	if err != nil {
		t.Fatal(err)
	}
	faults := append(ofAProcess(), faulty.Chatty, faulty.None)
	reports := make([]plugintest.Report, len(faults))
	var running errgroup.Group
	for i, fault := range faults {
		p, f := newProgram(t, fault), f
		f.Output = "cat " + p.output
		running.Go(func() (err error) {
			reports[i], err = plugintest.Check(t.Context(), p.socket, f, p.options(), nil)
			return err
		})
	}
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, fault := range faults {
		t.Run("fault "+string(fault), func(t *testing.T) { compare(t, fault, reports[i]) })
	}
	for _, result := range reports[len(faults)-1].Results {
		if skipped := result.Outcome == plugintest.Skipped; skipped != slices.Contains([]string{"W2", "W5", "W7"}, result.ID) {
			t.Errorf("of the sound one: %s %s %s", result.ID, result.Outcome, result.Detail)
		}
	}
}
