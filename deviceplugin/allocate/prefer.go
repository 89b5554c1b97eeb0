package allocate

import (
	"cmp"
	"slices"
)

// Place is where a device sits in the machine.
type Place struct {
	ID string
	// NUMANode is -1 where the machine does not tell; such devices count as one node.
	NUMANode int
	// Root is the PCIe root complex; empty is one like any other.
	Root string
}

// Prefer chooses size devices of those available, all that are required among them,
// so that they sit close together and leave whole groups whole. It keeps down, in
// this order: the NUMA nodes in use, the PCIe roots in use, the devices left over
// in a group that is broken into.
//
// It returns fewer than size where there are fewer, and none where the request makes
// no sense: whoever asks then chooses alone.
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

// plan is a choice within some groups, and its price.
type plan struct {
	ids      []string
	opened   int // PCIe roots that nothing required sits in yet
	stranded int // devices left over in the roots that it takes from
}

func (p plan) with(other plan) plan {
	return plan{append(p.ids, other.ids...), p.opened + other.opened, p.stranded + other.stranded}
}

// choose takes need devices from as few groups as it can. Groups that a required
// device sits in come first: they cost nothing more. There must be enough.
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

// spread empties the largest group until what is left fits into one, then takes the
// group that fits best. No choice needs fewer groups.
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

// fitting takes all from the one group where that opens the fewest roots, then
// leaves the least behind, then breaks up no group that is whole.
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
			cmp.Compare(b.total, a.total), // equally many free of more: broken up already
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
