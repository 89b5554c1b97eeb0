//go:build unix && !linux

package cluster

import "syscall"

// apart puts a child into a process group of its own, which the terminal's Ctrl-C
// does not reach. Only Linux can tie a child's life to its parent's: elsewhere the
// inherited lock tells the next start about children left behind.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
