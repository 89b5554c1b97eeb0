package devices

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// A cluster of 1,000 nodes with eight devices each, all held, and 10,000 other pods:
// docs/benchmarks.md has the figures.
func BenchmarkInventory(b *testing.B) {
	large := Sources{Catalogue: catalogue(b)}
	for i := range 1000 {
		name := fmt.Sprintf("atom-%d", i)
		large.Nodes = append(large.Nodes, machine(name, atom, "8", "8"))
		for j := range 4 {
			large.Pods = append(large.Pods, pod(fmt.Sprintf("team-%d", i%50), fmt.Sprintf("p-%d-%d", i, j), name, "llama", container("2")))
		}
		for j := range 10 {
			large.Pods = append(large.Pods, pod("other", fmt.Sprintf("q-%d-%d", i, j), name, "", corev1.Container{}))
		}
	}
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newInventory(large)
		}
	})
	b.Run("view", func(b *testing.B) {
		inventory := newInventory(large)
		b.ReportAllocs()
		for b.Loop() {
			clear(inventory.views)
			if _, err := inventory.MarshalView(Rights{Nodes: true, AllNamespaces: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
