package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Each way to end leaves no process; those that give the control plane a moment leave no folder either.
func TestEndings(t *testing.T) {
	signalTo := func(signal os.Signal) func(*controlPlane) error {
		return func(c *controlPlane) error { return c.cmd.Process.Signal(signal) }
	}
	for name, end := range map[string]func(*controlPlane) error{
		"SIGINT":          signalTo(syscall.SIGINT),
		"SIGTERM":         signalTo(syscall.SIGTERM),
		"SIGHUP":          signalTo(syscall.SIGHUP),
		"lifeline closed": func(c *controlPlane) error { return c.lifeline.Close() },
		"Ctrl-C for the whole process group": func(c *controlPlane) error {
			return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGINT)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command()
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			c := start(t, cmd)
			running := c.pids(t)
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			c.awaitEnd(t)
			if code := c.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit status %d, want 0", code)
			}
			if err := gone(running.all()...); err != nil {
				t.Error(err)
			}
			if err := removed(c.dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInterruptedStartIsNoError(t *testing.T) {
	tmp := t.TempDir()
	cmd := command()
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "first program starts", func() error {
		found, err := filepath.Glob(filepath.Join(tmp, "*", "*", "pids.json"))
		if err == nil && len(found) == 0 {
			err = os.ErrNotExist
		}
		return err
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The kernel and the lifelines do it: a killed supervisor can't. The next run takes its folder away, and only that.
func TestKilledSupervisorLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	run := func() *controlPlane {
		cmd := command()
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		return start(t, cmd)
	}
	living, killed := run(), run()
	running := killed.pids(t)
	if err := killed.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "processes gone", func() error { return gone(running.all()...) })
	if _, err := os.Stat(killed.dir); err != nil {
		t.Fatalf("the test shows nothing: %v", err)
	}
	run()
	if err := removed(killed.dir); err != nil {
		t.Error("after the next run: ", err)
	}
	if err := living.ready(t.Context()); err != nil {
		t.Error("the one that ran all the time: ", err)
	}
}

// A caller that gave no lifeline and is killed: the control plane sees that its parent is another one.
func TestKilledCallerLeavesNothing(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `"$0" run </dev/null; :`, binary("controlplane"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c := start(t, cmd)
	running := c.pids(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "processes gone", func() error { return gone(running.all()...) })
	eventually(t, "folder gone", func() error { return removed(c.dir) })
}
