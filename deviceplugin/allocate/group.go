package allocate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// group is a set of neighbouring devices: a NUMA node, whose parts are PCIe roots, or a
// PCIe root.
type group struct {
	key      string
	total    int      // devices in the machine
	required int      // devices that must be taken
	free     []string // devices that may be taken, sorted
	parts    []*group // none in a root
}

// groupPlaces groups devices by NUMA node and then by PCIe root. Available devices
// without a place share one group.
func groupPlaces(places []Place, available, required []string) []*group {
	where := map[string]Place{}
	for _, p := range places {
		where[p.ID] = p
	}
	for _, id := range slices.Concat(available, required) {
		if _, ok := where[id]; !ok {
			where[id] = Place{ID: id, NUMANode: -1}
		}
	}
	free := map[string]bool{}
	for _, id := range available {
		free[id] = true
	}
	nodes := map[string]*group{}
	roots := map[string]*group{}
	for _, id := range slices.Sorted(maps.Keys(where)) {
		node := member(nodes, fmt.Sprintf("%03d", where[id].NUMANode))
		key := node.key + " " + where[id].Root
		root, ok := roots[key]
		if !ok {
			root = member(roots, key)
			node.parts = append(node.parts, root)
		}
		for _, g := range []*group{node, root} {
			g.add(id, free[id], slices.Contains(required, id))
		}
	}
	return slices.SortedFunc(maps.Values(nodes), byKey)
}

func member(groups map[string]*group, key string) *group {
	if groups[key] == nil {
		groups[key] = &group{key: key}
	}
	return groups[key]
}

func (g *group) add(id string, free, required bool) {
	g.total++
	switch {
	case required:
		g.required++
	case free:
		g.free = append(g.free, id)
	}
}

func byKey(a, b *group) int {
	return strings.Compare(a.key, b.key)
}

func count(groups []*group) int {
	n := 0
	for _, g := range groups {
		n += len(g.free)
	}
	return n
}
