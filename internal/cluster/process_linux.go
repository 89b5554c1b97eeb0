package cluster

import "syscall"

// childAttributes put a child into its own process group, which the terminal's Ctrl-C does
// not reach. The kernel kills the child when its parent's thread exits.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
