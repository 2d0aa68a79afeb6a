package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// parentPoll is how often a run looks whether the process that started it is still there.
const parentPoll = 250 * time.Millisecond

// lifetime returns the context of a run: it ends with SIGINT, SIGTERM or SIGHUP, when the pipe on standard input is
// closed, and when the parent process is gone.
func lifetime() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go onLifelineClosed(cancel)
	go onParentGone(ctx, os.Getppid(), cancel)
	return ctx, cancel
}

// exitWithLifeline ends this process as soon as the pipe on its standard input is closed, which happens when whoever
// holds the other end dies, however it dies.
func exitWithLifeline() {
	go onLifelineClosed(func() { os.Exit(1) })
}

// onLifelineClosed calls then when the pipe on standard input is closed. Standard input that is a terminal, a file or
// /dev/null is nobody's lifeline: then it never does.
func onLifelineClosed(then func()) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	then()
}

func onParentGone(ctx context.Context, parent int, then func()) {
	poll := time.NewTicker(parentPoll)
	defer poll.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
	then()
}
