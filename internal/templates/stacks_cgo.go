//go:build cgo

package templates

// threadStacks is the memory of the stacks of threads, 8 MiB each with cgo. On a busy machine there are more threads than
// processors, because some are in system calls.
const threadStacks = 2 * maxProcessors * 8 << 20
