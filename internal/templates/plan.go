package templates

import (
	"context"
	"io/fs"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Plan says what candidate would do to live, which serving renders now: to deployments with
// the facts of their namespaces. Candidate has to compile and to render the examples. A
// child process does it, and sees nothing of live but names and specs.
func Plan(ctx context.Context, serving, candidate fs.FS, live Live, facts map[string]render.ProjectSettings) (*plan.Plan, error) {
	now, err := contents(serving)
	if err != nil {
		return nil, err
	}
	next, err := contents(candidate)
	if err != nil {
		return nil, err
	}
	said, err := run(ctx, task{Serving: now, Candidate: next, Live: live.bare(), Facts: facts})
	if err != nil {
		return nil, err
	}
	return said.Plan, nil
}

// bare is l without anything but names and specs.
func (l Live) bare() Live {
	bare := Live{Deploys: make([]v1.NpuDeploy, len(l.Deploys)), Projects: make([]v1.Project, len(l.Projects))}
	for i, deploy := range l.Deploys {
		bare.Deploys[i].Namespace, bare.Deploys[i].Name, bare.Deploys[i].Spec = deploy.Namespace, deploy.Name, deploy.Spec
	}
	for i, project := range l.Projects {
		bare.Projects[i].Name, bare.Projects[i].Spec = project.Name, project.Spec
	}
	return bare
}

// compare is the child's part of Plan.
func compare(serving, candidate fs.FS, live Live, facts map[string]render.ProjectSettings) answer {
	now, err := render.Compile(serving)
	if err != nil {
		return answer{Faults: faultsOf(err)}
	}
	next, err := render.Compile(candidate)
	if err != nil {
		return answer{Faults: faultsOf(err)}
	}
	if faults := rendersExamples(next); len(faults) > 0 {
		return answer{Faults: faults}
	}
	return answer{Plan: plan.Sets{Now: now, Next: next}.Compare(live.Deploys, live.Projects, facts)}
}
