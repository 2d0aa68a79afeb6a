package process

import (
	"os/exec"
	"syscall"
)

// dieWithParent covers programs that don't watch their standard input.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
