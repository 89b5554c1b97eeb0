package rollout

import (
	"maps"
	"slices"
)

// budget is what may be disrupted now.
type budget struct {
	total     int            // further NpuDeploys; negative: no limit
	byProject map[string]int // further NpuDeploys of a project; nil: no limit
	free      map[string]int64
}

func newBudget(e *evaluation) *budget {
	b := &budget{total: -1, free: map[string]int64{}}
	maps.Copy(b.free, e.input.Free)
	limits := e.policy.MaxDisrupted
	if limits.Total.String() != "0" {
		b.total = max(1, scaled(limits.Total, len(e.members)))
	}
	if limits.PerProject.String() != "0" {
		b.byProject = map[string]int{}
		for _, m := range e.members {
			b.byProject[m.Namespace]++
		}
		for project, count := range b.byProject {
			b.byProject[project] = max(1, scaled(limits.PerProject, count))
		}
	}
	for _, m := range e.members {
		if m.isDisrupted() {
			b.spend(m)
		}
		if !m.IsReady { // A pod that waits for a device gets the next one that is released.
			b.allocate(m)
		}
	}
	return b
}

// take reports whether another NpuDeploy may be disrupted, and counts it.
func (b *budget) take(m *member) bool {
	if b.total == 0 || b.byProject != nil && b.byProject[m.Namespace] <= 0 {
		return false
	}
	b.spend(m)
	return true
}

func (b *budget) spend(m *member) {
	if b.total > 0 {
		b.total--
	}
	if b.byProject != nil {
		b.byProject[m.Namespace]--
	}
}

// lacks returns a resource of which the NpuDeploy needs more than are free, or nothing. If pods
// wait for more than are free, they would get those of an NpuDeploy that needs no more than it has.
func (b *budget) lacks(m *member) string {
	for _, resource := range slices.Sorted(maps.Keys(m.Devices)) {
		if m.Devices[resource] > b.free[resource] {
			return resource
		}
	}
	return ""
}

func (b *budget) allocate(m *member) {
	for resource, count := range m.Devices {
		b.free[resource] -= count
	}
}
