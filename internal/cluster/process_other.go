//go:build unix && !linux

package cluster

import "syscall"

// childAttributes put a child into its own process group, which the terminal's Ctrl-C does
// not reach. Only Linux can kill a child with its parent: elsewhere the inherited lock makes
// the next start report children that were left behind.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
