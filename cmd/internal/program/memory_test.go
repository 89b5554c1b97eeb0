package program_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dudaji/nufi/cmd/internal/program"
)

// mappedHeap returns how many bytes of memory the heap has from the operating system.
func mappedHeap() uint64 {
	var mapped uint64
	for _, class := range []string{"objects", "unused", "free"} {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/" + class + ":bytes"}}
		metrics.Read(sample)
		mapped += sample[0].Value.Uint64()
	}
	return mapped
}

// collections returns how many collections were forced.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/forced:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestIdleProgramReturnsMemoryOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const garbage = 64 << 20
		go program.ReturnMemory(t.Context())
		used := make([]byte, garbage)
		runtime.KeepAlive(used)
		before, forced := mappedHeap(), collections()
		<-time.After(6 * time.Second) // It was not idle.
		synctest.Wait()
		if collections() != forced {
			t.Fatal("a busy program collects garbage")
		}
		<-time.After(5 * time.Second)
		synctest.Wait()
		if got := mappedHeap(); got+garbage/2 > before {
			t.Errorf("the heap has %d MiB, and had %d with garbage", got>>20, before>>20)
		}
		forced = collections()
		<-time.After(time.Minute)
		synctest.Wait()
		if collections() != forced {
			t.Error("a program that stays idle collects garbage again")
		}
	})
}
