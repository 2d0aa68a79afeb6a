package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	readyPoll    = 50 * time.Millisecond
	readyTimeout = 2 * time.Minute
	// failedStarts in a row are the end of a run: what doesn't start three times won't start at all.
	failedStarts = 3
)

// component is a program that runs in a process of its own, in the working directory.
type component struct {
	name   string
	path   string
	args   []string
	folder *folder
	// ready returns nil as soon as the program serves.
	ready func(context.Context) error
	// started gets the process id at each start.
	started func(pid int) error

	current atomic.Pointer[os.Process]
}

// serve has the component kept running in the group, and returns when it serves, or ctx has ended.
func (c *component) serve(ctx context.Context, group *errgroup.Group) {
	serves := make(chan struct{})
	served := sync.OnceFunc(func() { close(serves) })
	group.Go(func() error { return c.keep(ctx, served) })
	select {
	case <-serves:
	case <-ctx.Done():
	}
}

// keep runs the component until ctx ends, and starts it again whenever it dies; served is called each time that it has
// come to serve. It ends by SIGKILL: etcd has written whatever it answered, and kube-apiserver would wait for its
// watches.
func (c *component) keep(ctx context.Context, served func()) error {
	runtime.LockOSThread() // never unlocked: on Linux a child dies with the thread that started it
	for failures := 0; ; {
		process, err := c.start()
		if err != nil {
			return err
		}
		if err = process.awaitReady(ctx, c.ready); err == nil {
			failures = 0
			served()
			process.awaitEnd(ctx)
		} else {
			failures++
		}
		process.kill()
		if ctx.Err() != nil {
			return nil
		}
		if failures == failedStarts {
			return fmt.Errorf("%s doesn't start: %w; its log ends:\n%s", c.name, err, c.folder.logTail(c.name, 20))
		}
		slog.Info("starting a program again", "name", c.name)
	}
}

// kill ends the process that the component has now, as a crash would.
func (c *component) kill() {
	if process := c.current.Load(); process != nil {
		_ = process.Kill()
	}
}

func (c *component) start() (*process, error) {
	log, err := c.folder.log(c.name)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(c.path, c.args...)
	cmd.Args[0] = c.name // tells this file which of its programs is meant
	cmd.Stdout, cmd.Stderr = log, log
	detach(cmd)
	if _, err := cmd.StdinPipe(); err != nil { // the child's lifeline, closed when this process dies
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	c.current.Store(cmd.Process)
	return watch(cmd), c.started(cmd.Process.Pid)
}

// process is one life of a component.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func watch(cmd *exec.Cmd) *process {
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	return p
}

// awaitReady returns an error when the process ends, or takes too long, before it is ready.
func (p *process) awaitReady(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(fmt.Errorf("it ended: %s", p.cmd.ProcessState))
		case <-ctx.Done():
		}
	}()
	return poll(ctx, ready)
}

func (p *process) awaitEnd(ctx context.Context) {
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}

// kill ends the process, if it still runs, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// poll calls ready until it returns nil. The error says why there was no more waiting, and what ready said last.
func poll(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready after %s", readyTimeout))
	defer cancel()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
	}
}
