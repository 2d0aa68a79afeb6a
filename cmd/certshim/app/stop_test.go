package app_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

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

// asDeaf is set in the environment of a test binary that is to be a command that doesn't end
// when it is asked to.
const asDeaf = "CERTSHIM_TEST_AS_DEAF"

func deaf() {
	ctx, stop := app.UntilSignal()
	defer stop()
	fmt.Println("runs")
	<-ctx.Done()
	fmt.Println("asked")
	<-time.After(time.Hour)
}

// The first signal asks a command to end; if it can't, the second one kills.
func TestTheSecondSignalKills(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asDeaf+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	says := bufio.NewScanner(stdout)
	for _, want := range []string{"runs", "asked"} {
		if !says.Scan() || says.Text() != want {
			t.Fatalf("it says %q, want %q", says.Text(), want)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
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
