package templates

import (
	"context"
	"io/fs"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Plan returns the effect of replacing serving by candidate on live, with the settings of
// each namespace. Candidate must compile and render an example. The plan is computed in a child
// process, which receives the fields that Specs copies.
func Plan(ctx context.Context, serving, candidate fs.FS, live Live, settings map[string]render.ProjectSettings) (*plan.Plan, error) {
	now, err := Pack(serving)
	if err != nil {
		return nil, err
	}
	next, err := Pack(candidate)
	if err != nil {
		return nil, err
	}
	resp, err := runChild(ctx, request{Serving: now, Candidate: next, Live: live.Specs(), Settings: settings})
	if err != nil {
		return nil, err
	}
	return resp.Plan, nil
}

// Specs copies the fields that manifests and waves depend on: names, labels and specs, and the backends and the
// condition UpdateAvailable of the status.
func (l Live) Specs() Live {
	specs := Live{Deploys: make([]v1.NpuDeploy, len(l.Deploys)), Projects: make([]v1.Project, len(l.Projects))}
	for i := range l.Deploys {
		deploy, spec := &l.Deploys[i], &specs.Deploys[i]
		spec.Namespace, spec.Name, spec.Labels, spec.Spec = deploy.Namespace, deploy.Name, deploy.Labels, deploy.Spec
		spec.Status.Traffic, spec.Status.TrafficSteps = deploy.Status.Traffic, deploy.Status.TrafficSteps
		if update := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionUpdateAvailable); update != nil {
			spec.Status.Conditions = []metav1.Condition{*update}
		}
	}
	for i := range l.Projects {
		project := &l.Projects[i]
		specs.Projects[i].Name, specs.Projects[i].Labels, specs.Projects[i].Spec = project.Name, project.Labels, project.Spec
	}
	return specs
}

// compare is the child's part of Plan.
func compare(serving, candidate fs.FS, live Live, settings map[string]render.ProjectSettings) response {
	sets, err := plan.Compile(serving, candidate, time.Now())
	if err != nil {
		return response{Violations: compileViolations(err)}
	}
	if violations := renderExamples(sets.Next); len(violations) > 0 {
		return response{Violations: violations}
	}
	return response{Plan: sets.Compare(live.Deploys, live.Projects, settings)}
}
