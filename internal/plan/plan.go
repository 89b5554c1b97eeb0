// Package plan says what another set of templates would do to what is live.
//
// It compares what both sets make of a spec; it does not see drift. It has no client: who
// calls it brings the specs. Its types are the JSON that the command line and the API
// server answer with.
package plan

import (
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Plan is what a set of templates does to all that is live.
type Plan struct {
	Effect   render.Effect `json:"effect" doc:"the worst of all"`
	Deploys  []Impact      `json:"deploys" doc:"each NpuDeploy"`
	Projects []Impact      `json:"projects" doc:"each Project"`
}

// Impact is what it does to one NpuDeploy or Project.
type Impact struct {
	Namespace string        `json:"namespace,omitempty" doc:"of an NpuDeploy"`
	Name      string        `json:"name" doc:"of the NpuDeploy or the Project"`
	Effect    render.Effect `json:"effect" doc:"None, InPlace, Restart (pods are replaced), Delete (an object goes) or Refused (the spec would not render, and what runs stays as it is)"`
	Changes   []Change      `json:"changes,omitempty" doc:"each object that would differ"`
	Message   string        `json:"message,omitempty" doc:"why the spec is refused"`
}

// Change is one object that would differ.
type Change struct {
	Object string        `json:"object" doc:"kind/name"`
	Effect render.Effect `json:"effect" doc:"InPlace, Restart or Delete"`
}

// Sets are the templates that are compared.
type Sets struct{ Now, Next *render.Templates }

// renderer renders one live object with either set.
type renderer func(*render.Templates) (*render.Result, error)

// Compare says what becoming Next does to deploys, with the facts of their namespaces, and
// to projects, in their orders. As many are rendered at a time as there are processors.
func (s Sets) Compare(deploys []v1.NpuDeploy, projects []v1.Project, facts map[string]render.ProjectSettings) *Plan {
	plan := &Plan{Effect: render.None, Deploys: make([]Impact, len(deploys)), Projects: make([]Impact, len(projects))}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	weigh := func(impact *Impact, rendered renderer) {
		group.Go(func() error {
			s.weigh(impact, rendered)
			return nil
		})
	}
	for i := range deploys {
		plan.Deploys[i].Namespace, plan.Deploys[i].Name = deploys[i].Namespace, deploys[i].Name
		weigh(&plan.Deploys[i], rendererOf(&deploys[i], facts[deploys[i].Namespace]))
	}
	for i := range projects {
		plan.Projects[i].Name = projects[i].Name
		weigh(&plan.Projects[i], rendererOfProject(&projects[i]))
	}
	_ = group.Wait() // What is refused is no error.
	for _, impact := range slices.Concat(plan.Deploys, plan.Projects) {
		plan.Effect = render.Worse(plan.Effect, impact.Effect)
	}
	return plan
}

func rendererOf(deploy *v1.NpuDeploy, facts render.ProjectSettings) renderer {
	return func(set *render.Templates) (*render.Result, error) { return set.Render(deploy, facts) }
}

func rendererOfProject(project *v1.Project) renderer {
	return func(set *render.Templates) (*render.Result, error) {
		manifests, err := set.RenderProject(project)
		if err != nil {
			return nil, err
		}
		return &render.Result{Manifests: *manifests}, nil
	}
}

// weigh compares what an object renders to. What does not render today is not running by
// these templates: all of it would be new, and nothing is lost if it stays refused.
func (s Sets) weigh(impact *Impact, rendered renderer) {
	now, refusedNow := rendered(s.Now)
	next, refusedNext := rendered(s.Next)
	switch {
	case refusedNow != nil && refusedNext != nil:
		impact.Effect, impact.Message = render.None, "refused now as then: "+refusedNext.Error()
		return
	case refusedNext != nil:
		impact.Effect, impact.Message = render.Refused, refusedNext.Error()
		return
	case refusedNow != nil:
		now = &render.Result{}
	}
	effect, changes := render.Compare(now, next)
	impact.Effect = effect
	for _, change := range changes {
		impact.Changes = append(impact.Changes, Change(change))
	}
}
