package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// role makes this test binary the program that a test starts.
const role = "PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "child":
		child()
	case "stubborn":
		Ready()
		select {}
	case "parent":
		parent()
	case "failing":
		fmt.Fprintln(os.Stderr, "no such cluster")
		os.Exit(3)
	}
}

// child prints an address that answers for as long as it lives.
func child() {
	ctx, stop := Context()
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("address", listener.Addr())
	Ready()
	<-ctx.Done()
	fmt.Fprintln(os.Stderr, "ended by itself")
}

// parent starts a child and waits to be killed.
func parent() {
	if _, err := Start(context.Background(), program(os.Args[1], "child")); err != nil {
		panic(err)
	}
	Ready()
	select {}
}

func program(folder, as string) Program {
	return Program{
		Path: os.Args[0], Args: []string{folder}, Env: []string{role + "=" + as},
		Log: filepath.Join(folder, as+".log"), Ready: ReadyLine,
	}
}

func start(t *testing.T, folder, as string) *Process {
	t.Helper()
	p, err := Start(t.Context(), program(folder, as))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

func logOf(t *testing.T, folder, as string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, as+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// dial connects to the child, so that a read ends when the child has.
func dial(t *testing.T, folder string) net.Conn {
	t.Helper()
	_, rest, _ := strings.Cut(logOf(t, folder, "child"), "address ")
	address, _, _ := strings.Cut(rest, "\n")
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func TestStopLetsTheProgramEnd(t *testing.T) {
	folder := t.TempDir()
	p := start(t, folder, "child")
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if text := logOf(t, folder, "child"); !strings.Contains(text, "ended by itself") {
		t.Errorf("log: %s", text)
	}
}

func TestEndOfStandardInputEndsTheProgram(t *testing.T) {
	folder := t.TempDir()
	p := start(t, folder, "child")
	if err := p.lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if text := logOf(t, folder, "child"); !strings.Contains(text, "ended by itself") {
		t.Errorf("log: %s", text)
	}
}

func TestKilledParentLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	p := start(t, folder, "parent")
	connection := dial(t, folder)
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(connection); len(content) != 0 {
		t.Errorf("read %q, %v", content, err)
	}
}

func TestEndBeforeReadyIsAnErrorWithTheLog(t *testing.T) {
	_, err := Start(t.Context(), program(t.TempDir(), "failing"))
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such cluster") {
		t.Errorf("error %v", err)
	}
}

func TestNotReadyInTimeIsKilled(t *testing.T) {
	late := program(t.TempDir(), "stubborn")
	late.Ready = "never"
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("the test is over"))
	p, err := Start(ctx, late)
	if p != nil || err == nil || !strings.Contains(err.Error(), "the test is over") {
		t.Fatalf("process %v, error %v", p, err)
	}
}
