// Package heap measures what a test retains.
package heap

import "runtime"

// InUse returns the bytes of the heap after a garbage collection.
func InUse() int64 {
	// Twice, because the memory behind a finalizer is freed by the next collection.
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // A heap has fewer bytes.
}
