package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// ReadyLine is what a program prints on standard output, on a line of its own, when it can be used.
const ReadyLine = "ready"

// Context returns a context that ends at SIGTERM, at SIGINT, and, when standard input is a pipe, as soon as the other
// end of that pipe is closed. Any other standard input (a terminal, /dev/null) is left alone, so that the program can
// be run by hand and in the background.
func Context() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	if isPipe(os.Stdin) {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	return ctx, cancel
}

// Ready tells the parent that the program can be used.
func Ready() {
	fmt.Println(ReadyLine)
}

func isPipe(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}
