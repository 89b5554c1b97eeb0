package templates

import (
	"context"
	"io/fs"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Plan returns the effect of replacing serving by candidate on live, with the settings of
// each namespace. Candidate must compile and render an example. A child process does it, and
// receives only names and specs.
func Plan(ctx context.Context, serving, candidate fs.FS, live Live, settings map[string]render.ProjectSettings) (*plan.Plan, error) {
	now, err := Pack(serving)
	if err != nil {
		return nil, err
	}
	next, err := Pack(candidate)
	if err != nil {
		return nil, err
	}
	resp, err := runChild(ctx, request{Serving: now, Candidate: next, Live: live.specs(), Settings: settings})
	if err != nil {
		return nil, err
	}
	return resp.Plan, nil
}

// specs returns l with names and specs only.
func (l Live) specs() Live {
	specs := Live{Deploys: make([]v1.NpuDeploy, len(l.Deploys)), Projects: make([]v1.Project, len(l.Projects))}
	for i, deploy := range l.Deploys {
		specs.Deploys[i].Namespace, specs.Deploys[i].Name, specs.Deploys[i].Spec = deploy.Namespace, deploy.Name, deploy.Spec
	}
	for i, project := range l.Projects {
		specs.Projects[i].Name, specs.Projects[i].Spec = project.Name, project.Spec
	}
	return specs
}

// compare is the child's part of Plan.
func compare(serving, candidate fs.FS, live Live, settings map[string]render.ProjectSettings) response {
	now, err := render.Compile(serving)
	if err != nil {
		return response{Violations: compileViolations(err)}
	}
	next, err := render.Compile(candidate)
	if err != nil {
		return response{Violations: compileViolations(err)}
	}
	if violations := renderExamples(next); len(violations) > 0 {
		return response{Violations: violations}
	}
	return response{Plan: plan.Sets{Now: now, Next: next}.Compare(live.Deploys, live.Projects, settings)}
}
