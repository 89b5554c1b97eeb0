// Package plan says what another set of templates would do to what is live.
//
// It compares what both sets make of a spec; it does not see drift. It has no client: who
// calls it brings the specs. Its types are the JSON that the command line and the API
// server answer with.
package plan

import (
	"github.com/dudaji/nufi/controller/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Deploy is what a set of templates does to one live NpuDeploy.
type Deploy struct {
	Namespace string        `json:"namespace" doc:"of the NpuDeploy"`
	Name      string        `json:"name" doc:"of the NpuDeploy"`
	Effect    render.Effect `json:"effect" doc:"None, InPlace, Restart (pods are replaced), Delete (an object goes) or Refused (the spec would not render, and what runs stays as it is)"`
	Changes   []Change      `json:"changes,omitempty" doc:"each object that would differ"`
	Message   string        `json:"message,omitempty" doc:"why the spec is refused"`
}

// Change is one object that would differ.
type Change struct {
	Object string        `json:"object" doc:"kind/name"`
	Effect render.Effect `json:"effect" doc:"InPlace, Restart or Delete"`
}

// All compares what the sets make of each of deploys, in their order, with the facts of
// their namespaces.
func All(before, after *render.Templates, deploys []v1.NpuDeploy, facts map[string]render.Facts) []Deploy {
	all := make([]Deploy, len(deploys))
	for i := range deploys {
		all[i] = one(before, after, &deploys[i], facts[deploys[i].Namespace])
	}
	return all
}

// Worst is the worst effect of all, None if there are none.
func Worst(all []Deploy) render.Effect {
	worst := render.None
	for _, deploy := range all {
		worst = render.Worse(worst, deploy.Effect)
	}
	return worst
}

// one compares what deploy renders to. What does not render today is not running by these
// templates: all of it would be new, and nothing is lost if it stays refused.
func one(before, after *render.Templates, deploy *v1.NpuDeploy, facts render.Facts) Deploy {
	plan := Deploy{Namespace: deploy.Namespace, Name: deploy.Name}
	now, refusedNow := before.Render(deploy, facts)
	next, refusedNext := after.Render(deploy, facts)
	switch {
	case refusedNow != nil && refusedNext != nil:
		plan.Effect, plan.Message = render.None, "refused now as then: "+refusedNext.Error()
		return plan
	case refusedNext != nil:
		plan.Effect, plan.Message = render.Refused, refusedNext.Error()
		return plan
	case refusedNow != nil:
		now = &render.Result{}
	}
	effect, changes := render.Compare(now, next)
	plan.Effect = effect
	for _, change := range changes {
		plan.Changes = append(plan.Changes, Change(change))
	}
	return plan
}
