package program

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// idleInterval is how long a program must be idle before it returns memory.
	idleInterval = 5 * time.Second
	// idleBytes is what an idle program allocates per interval at most, for leases, heartbeats of nodes, and scrapes.
	idleBytes = 4 << 20
	// minReturned is how much a program must have allocated before a collection is worth its CPU.
	minReturned = 8 << 20
)

// ReturnMemory returns memory to the operating system whenever the program becomes idle, until ctx ends. The runtime alone
// keeps what a busy program needed: with a GOGC of 100, twice the live heap.
func ReturnMemory(ctx context.Context) {
	ticker := time.NewTicker(idleInterval)
	defer ticker.Stop()
	var before, returned uint64 // allocated at the last tick, and when memory was last returned
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		allocated, live := readHeap()
		isIdle := allocated-before < idleBytes
		if isIdle && allocated-returned > max(minReturned, live/2) {
			debug.FreeOSMemory()
			returned = allocated
		}
		before = allocated
	}
}

// readHeap returns how many bytes were allocated since the start, and how many the last collection found in use.
func readHeap() (allocated, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
