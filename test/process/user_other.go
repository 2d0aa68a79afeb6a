//go:build !linux

package process

import "syscall"

// seeAs has no counterpart here: the program runs as this process.
func seeAs(attributes *syscall.SysProcAttr, _ *syscall.Credential) { attributes.Credential = nil }
