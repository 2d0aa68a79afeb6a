//go:build !linux

package main

import (
	"os"
	"os/exec"
	"syscall"
)

func selfPath() (string, error) { return os.Executable() }

// detach keeps the terminal's Ctrl-C from the child. That it dies with us is left to the pipe on its standard input.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
