package app_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/certshim/certshim/cmd/certshim/app"
)

// A plan whose input never ends is stopped by its context.
func TestAPlanCanBeStopped(t *testing.T) {
	never, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("interrupt"))
	var out, messages bytes.Buffer
	exit := app.Run(ctx, []string{"certshim", "plan", "-f", "-"}, app.Streams{In: never, Out: &out, ErrOut: &messages})
	if want := "error: stopped before the plan was complete: interrupt\n"; exit != 2 || messages.String() != want || out.Len() > 0 {
		t.Errorf("status %d, %q, want 2 and %q", exit, messages.String(), want)
	}
}

// The first signal asks a command to end, which it can't while nobody reads what it writes; the
// second one kills.
func TestTheSecondSignalKills(t *testing.T) {
	const sources = 2000
	cmd := exec.CommandContext(t.Context(), os.Args[0], "plan", "-f", "-", "-o", "yaml")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin = strings.NewReader(strings.Repeat("---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {generateName: a, annotations: {cert-manager.io/issuer: ca}}\nspec: {tls: [{hosts: [a.example.com], secretName: a-tls}]}\n", sources))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It writes, and so has its signals in hand.
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
				t.Errorf("it ended by itself: %v", err)
			}
			return
		default:
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}
}
