package allocate

import (
	"cmp"
	"slices"
)

// Place is a device's position in the machine.
type Place struct {
	ID string
	// NUMANode is -1 if it is unknown; such devices count as one node.
	NUMANode int
	// Root is the PCIe root complex; the empty root is one of its own.
	Root string
}

// Prefer chooses size of the available devices, including all required ones. It
// minimizes, in this order: the NUMA nodes in use, the PCIe roots in use, the devices
// left over in a partially used group.
//
// It returns fewer than size if fewer are available, and none if the request is
// invalid: the caller then chooses itself.
func Prefer(places []Place, available, required []string, size int) []string {
	must := slices.Compact(slices.Sorted(slices.Values(required)))
	need := size - len(must)
	if need < 0 {
		return nil
	}
	machine := groupPlaces(places, available, must)
	need = min(need, count(machine))
	return append(must, choose(machine, need).ids...)
}

// plan is a choice within some groups, and its cost.
type plan struct {
	ids      []string
	opened   int // PCIe roots without a required device
	stranded int // devices left over in the roots that it takes from
}

func (p plan) with(other plan) plan {
	return plan{append(p.ids, other.ids...), p.opened + other.opened, p.stranded + other.stranded}
}

// choose takes need devices from as few groups as possible. Groups with a required
// device come first: they add no cost. There must be enough devices.
func choose(groups []*group, need int) plan {
	var open, closed []*group
	for _, g := range groups {
		if g.required > 0 {
			open = append(open, g)
		} else {
			closed = append(closed, g)
		}
	}
	if near := count(open); near < need {
		return spread(open, near).with(spread(closed, need-near))
	}
	return spread(open, need)
}

// spread takes whole groups, the largest first, until the rest fits into one, then takes
// from the group that fits best. No choice needs fewer groups.
func spread(groups []*group, need int) plan {
	var total plan
	rest := slices.Clone(groups)
	for need > 0 {
		fits := slices.DeleteFunc(slices.Clone(rest), func(g *group) bool { return len(g.free) < need })
		if len(fits) > 0 {
			return total.with(fitting(fits, need))
		}
		g := largest(rest)
		total = total.with(g.take(len(g.free)))
		need -= len(g.free)
		rest = slices.DeleteFunc(rest, func(other *group) bool { return other == g })
	}
	return total
}

// fitting takes all devices from one group: the one that opens the fewest roots, then
// leaves the fewest devices over, then is partially used already.
func fitting(fits []*group, need int) plan {
	type candidate struct {
		*group
		plan
	}
	candidates := make([]candidate, len(fits))
	for i, g := range fits {
		candidates[i] = candidate{g, g.take(need)}
	}
	best := slices.MinFunc(candidates, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.opened, b.opened),
			cmp.Compare(len(a.free), len(b.free)),
			cmp.Compare(a.stranded, b.stranded),
			cmp.Compare(b.total, a.total), // as many free of more: partially used
			cmp.Compare(a.key, b.key),
		)
	})
	return best.plan
}

func largest(groups []*group) *group {
	return slices.MaxFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(a.free), len(b.free)), cmp.Compare(b.key, a.key))
	})
}

// take chooses within the group: among its parts, or in a root the first by ID.
func (g *group) take(need int) plan {
	if len(g.parts) > 0 {
		return choose(g.parts, need)
	}
	p := plan{ids: slices.Clone(g.free[:need]), stranded: len(g.free) - need}
	if g.required == 0 {
		p.opened = 1
	}
	return p
}
