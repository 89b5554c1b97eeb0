//go:build !cgo

package templates

// threadStacks is 0: the runtime's own stacks of threads are small.
const threadStacks = 0
