package main

import (
	"os/exec"
	"syscall"
)

// selfPath is this very file, even after a build has put another one in its place.
func selfPath() (string, error) { return "/proc/self/exe", nil }

// detach keeps the terminal's Ctrl-C from the child, and lets the kernel kill it with the thread that starts it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
