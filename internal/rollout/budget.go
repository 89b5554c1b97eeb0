package rollout

// budget is what may be disrupted now.
type budget struct {
	total     int            // further NpuDeploys; negative: no limit
	byProject map[string]int // further NpuDeploys of a project; nil: no limit
	devices   *placement
}

func newBudget(e *evaluation) *budget {
	b := &budget{total: -1, devices: newPlacement(e.input.Nodes, e.members)}
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
	}
	return b
}

// isSpent reports whether disrupting the NpuDeploy, in addition to the others, would exceed the budget.
func (b *budget) isSpent(m *member) bool {
	return b.total == 0 || b.byProject != nil && b.byProject[m.Namespace] <= 0
}

func (b *budget) spend(m *member) {
	if b.total > 0 {
		b.total--
	}
	if b.byProject != nil {
		b.byProject[m.Namespace]--
	}
}
