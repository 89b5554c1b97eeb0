package cluster

import "syscall"

// apart puts a child into a process group of its own, which the terminal's Ctrl-C
// does not reach, and has the kernel end it when its parent's thread ends.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
