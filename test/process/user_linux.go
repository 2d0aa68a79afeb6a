package process

import (
	"os"
	"syscall"
)

// seeAs gives the program a user namespace of its own, in which this process' user and group are called as the credential says. In it the program
// may be given another root, too.
func seeAs(attributes *syscall.SysProcAttr, credential *syscall.Credential) {
	attributes.Cloneflags |= syscall.CLONE_NEWUSER
	attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(credential.Uid), HostID: os.Getuid(), Size: 1}}
	attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(credential.Gid), HostID: os.Getgid(), Size: 1}}
	attributes.Credential = &syscall.Credential{Uid: credential.Uid, Gid: credential.Gid, NoSetGroups: true}
}
