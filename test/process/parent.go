package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a program may take to end by itself after SIGTERM.
const stopGrace = 10 * time.Second

// Program says what to start.
type Program struct {
	// Path is the executable, Args its arguments without the name.
	Path string
	Args []string
	// Env is added to the environment of this process.
	Env []string
	// Root is the folder that is the program's root, as in a container: Path is in it, and of the environment there is Env alone. Empty: that of
	// this process.
	Root string
	// Credential is who it runs as. Nil: as this process. Where this process may run nothing as others (see [MayBeOthers]), the program sees itself as
	// that user, and is this process' to all others.
	Credential *syscall.Credential
	// Log is the file that standard output and standard error are appended to. [Start] needs one.
	Log string
	// Ready is the line on standard output to wait for. Empty: don't wait.
	Ready string
}

// Process is a program that runs.
type Process struct {
	name     string
	log      string
	cmd      *exec.Cmd
	lifeline io.Closer
	done     chan struct{}
	err      error
}

// Command is the program for who runs it otherwise than [Start] does.
func (p Program) Command(ctx context.Context) *exec.Cmd {
	command := exec.CommandContext(ctx, p.Path, p.Args...)
	command.Env = append(os.Environ(), p.Env...)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: p.Credential}
	if p.Root != "" {
		command.Dir, command.Env = "/", append([]string{}, p.Env...)
		command.SysProcAttr.Chroot = p.Root
	}
	if p.Credential != nil && !MayBeOthers() {
		seeAs(command.SysProcAttr, p.Credential)
	}
	return command
}

// MayBeOthers says whether this process may start programs as other users, as root may unless its user namespace has no others.
var MayBeOthers = sync.OnceValue(func() bool {
	const other = 65532
	program := exec.CommandContext(context.Background(), "true")
	program.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
	return program.Run() == nil
})

// Start starts the program and waits until it prints its ready line. The error of a program that ends before that, or
// of one that is killed because the context ended first, carries the last lines of its log. Once ready it lives on,
// whatever becomes of the context.
func Start(ctx context.Context, program Program) (*Process, error) {
	log, err := os.OpenFile(program.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &Process{name: filepath.Base(program.Path), log: program.Log, done: make(chan struct{})}
	p.cmd = program.Command(context.WithoutCancel(ctx))
	p.cmd.Stdout, p.cmd.Stderr = stdoutWriter, log
	if p.lifeline, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, log.Close(), stdout.Close(), stdoutWriter.Close())
	}
	started := make(chan error, 1)
	go p.run(started)
	err = <-started
	_ = stdoutWriter.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program.Path, err), log.Close(), stdout.Close())
	}
	ready := make(chan struct{})
	go copyLines(log, stdout, program.Ready, ready)
	if err := p.awaitReady(ctx, ready); err != nil {
		return nil, err
	}
	return p, nil
}

// run starts the program and waits for its end on one locked thread: on Linux the program dies with that very thread.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dieWithParent(p.cmd)
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

func (p *Process) awaitReady(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-p.done:
		return fmt.Errorf("%s ended before it was ready: %w\n%s", p.name, p.ended(), tail(p.log, 20))
	case <-ctx.Done():
		_ = p.Kill()
		return fmt.Errorf("%s was not ready in time: %w\n%s", p.name, context.Cause(ctx), tail(p.log, 20))
	}
}

// ended is why the program has ended.
func (p *Process) ended() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// Stop asks the program to end and waits until it has; one that takes too long is killed, which is an error.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
		return errors.Join(fmt.Errorf("%s did not end within %s of SIGTERM", p.name, stopGrace), p.Kill())
	}
}

// Terminate asks the program to end, and doesn't wait. One that has ended is no error.
func (p *Process) Terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Result waits for the end of the program and tells how it came: nil is exit status 0.
func (p *Process) Result() error {
	<-p.done
	return p.err
}

// Kill ends the program at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Pause stops the program where it is, as a machine without time for it would; Resume lets it go on.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// copyLines appends what the program prints to its log, and closes ready at the line awaited (at once if none is).
func copyLines(log io.WriteCloser, stdout io.ReadCloser, awaited string, ready chan<- struct{}) {
	defer func() { _, _ = log.Close(), stdout.Close() }()
	waiting := awaited != ""
	if !waiting {
		close(ready)
	}
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		_, _ = io.WriteString(log, line)
		if waiting && strings.TrimSpace(line) == awaited {
			waiting = false
			close(ready)
		}
		if err != nil {
			return
		}
	}
}

// tail returns the last lines of a file, for an error message.
func tail(path string, count int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
