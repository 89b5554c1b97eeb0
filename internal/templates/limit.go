package templates

import (
	"runtime/debug"
	"syscall"
)

// Memory of the child, in bytes: near the first its collector works harder, beyond the
// second it ends. Ours takes 50 MiB for a thousand deployments.
const (
	softMemory = 128 << 20
	hardMemory = 256 << 20
)

// limitMemory bounds what this process may allocate. Linux counts all memory that is
// private and writable. Where it is not counted, the time bounds the rest.
func limitMemory() error {
	debug.SetMemoryLimit(softMemory)
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: hardMemory, Max: hardMemory})
}
