// Package plan computes the effect of another set of templates on live objects.
//
// It compares the manifests that both sets render from a spec, and ignores drift. It has
// no client: callers pass the specs. Its types are the JSON of the command line and of the
// API server.
package plan

import (
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Plan is the effect of a set of templates on all live objects.
type Plan struct {
	Effect   render.Effect `json:"effect" doc:"the worst of all"`
	Deploys  []Impact      `json:"deploys" doc:"each NpuDeploy"`
	Projects []Impact      `json:"projects" doc:"each Project"`
	// Waves are those of the NpuDeploys with automatic updates, and with overdue manual ones.
	Waves []rollout.Preview `json:"waves,omitempty" doc:"the waves in which the controller would update the NpuDeploys with automatic updates"`
}

// Impact is the effect on one NpuDeploy or Project.
type Impact struct {
	Namespace string          `json:"namespace,omitempty" doc:"of an NpuDeploy"`
	Name      string          `json:"name" doc:"of the NpuDeploy or the Project"`
	Effect    render.Effect   `json:"effect" doc:"None, InPlace, Restart (pods are replaced), Delete (an object is deleted) or Refused (the spec would not render, and the running objects would stay as they are)"`
	Changes   []render.Change `json:"changes,omitempty" doc:"each object that would differ"`
	Message   string          `json:"message,omitempty" doc:"why the spec would not render"`
}

// Describe returns the changes and the message in one line: "deployment/llama-8b spec.replicas, service/llama-8b new".
func (i Impact) Describe() string {
	var parts []string
	for _, change := range i.Changes {
		parts = append(parts, change.String())
	}
	if i.Message != "" {
		parts = append(parts, i.Message)
	}
	return strings.Join(parts, ", ")
}

// Sets are the templates to compare.
type Sets struct {
	Now, Next *render.Templates
	// At is the time of the comparison, at which manual updates may be overdue.
	At time.Time
}

// Compile compiles two sets so that they can be compared in CUE.
func Compile(now, next fs.FS, at time.Time) (sets Sets, err error) {
	sets.At = at
	if sets.Now, err = render.Compile(now); err != nil {
		return sets, err
	}
	sets.Next, err = sets.Now.CompileBeside(next)
	return sets, err
}

// Compare returns the effect of Next on deploys, with the settings of their namespaces, and on
// projects, each in their order. It renders in parallel on all processors.
func (s Sets) Compare(deploys []v1.NpuDeploy, projects []v1.Project, settings map[string]render.ProjectSettings) *Plan {
	plan := &Plan{Effect: render.None, Deploys: make([]Impact, len(deploys)), Projects: make([]Impact, len(projects))}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	compare := func(impact *Impact, renderer Renderer) {
		group.Go(func() error {
			effect := s.Impact(renderer)
			impact.Effect, impact.Changes, impact.Message = effect.Effect, effect.Changes, effect.Message
			return nil
		})
	}
	for i := range deploys {
		plan.Deploys[i].Namespace, plan.Deploys[i].Name = deploys[i].Namespace, deploys[i].Name
		compare(&plan.Deploys[i], DeployRenderer(&deploys[i], settings[deploys[i].Namespace]))
	}
	for i := range projects {
		plan.Projects[i].Name = projects[i].Name
		compare(&plan.Projects[i], ProjectRenderer(&projects[i]))
	}
	_ = group.Wait() // No function returns an error.
	for _, impact := range slices.Concat(plan.Deploys, plan.Projects) {
		plan.Effect = render.Worse(plan.Effect, impact.Effect)
	}
	plan.Waves = waves(s.Next.Catalogue, s.At, deploys, projects, plan.Deploys)
	return plan
}

// waves returns the waves of the NpuDeploys whose updates are automatic, or manual and overdue.
func waves(catalogue *render.Catalogue, at time.Time, deploys []v1.NpuDeploy, projects []v1.Project, impacts []Impact) []rollout.Preview {
	projectLabels := rollout.ProjectLabels(projects)
	var members []rollout.Deploy
	for i := range deploys {
		deploy := &deploys[i]
		if !rollout.IsManual(deploy, catalogue) || rollout.IsOverdue(deploy, catalogue, at) {
			members = append(members, rollout.Deploy{
				Namespace: deploy.Namespace, Name: deploy.Name, Labels: deploy.Labels,
				ProjectLabels: projectLabels[deploy.Namespace], Effect: impacts[i].Effect,
			})
		}
	}
	return rollout.PreviewOf(catalogue.Change, members)
}

// Impact returns the effect of Next on one object, without its name. It compares shared renders, or otherwise evaluations in
// CUE, because both are cheaper than manifests. If the object does not render now, none of its manifests are applied, and
// all of them would be new.
func (s Sets) Impact(renderer Renderer) Impact {
	if impact, ok := s.shared(renderer); ok {
		return impact
	}
	if impact, ok := s.evaluate(renderer); ok {
		return impact
	}
	impact, _ := s.Render(renderer)
	return impact
}

// shared compares shared renders. It is not ok if the object has none, or if its manifests may not be applied.
func (s Sets) shared(renderer Renderer) (impact Impact, ok bool) {
	if renderer.shared == nil {
		return Impact{}, false
	}
	now, isShared := renderer.shared(s.Now)
	next, isNextShared := renderer.shared(s.Next)
	if !isShared || !isNextShared || manifests.Check(renderer.Owner, next.Objects) != nil {
		return Impact{}, false
	}
	effect, changes := render.Compare(now, next)
	return Impact{Effect: effect, Changes: changes}, true
}

// evaluate compares evaluations, without exporting manifests from CUE. It is not ok if one of the sets does not render the
// object to manifests that may be applied, or if the manifests cannot be compared in CUE.
func (s Sets) evaluate(renderer Renderer) (impact Impact, ok bool) {
	if renderer.evaluate == nil {
		return Impact{}, false
	}
	now, err := renderer.evaluate(s.Now)
	if err != nil {
		return Impact{}, false
	}
	next, err := renderer.evaluate(s.Next)
	if err != nil || !isAllowed(renderer.Owner, next) {
		return Impact{}, false
	}
	effect, changes, ok := render.CompareEvaluations(now, next)
	return Impact{Effect: effect, Changes: changes}, ok
}

// Render returns the effect as Impact does, and what the object renders to with Next, or nil if it does not render.
func (s Sets) Render(renderer Renderer) (Impact, *render.Result) {
	now, nowErr := renderer.Unchecked(s.Now)
	next, nextErr := renderer.Render(s.Next)
	switch {
	case nowErr != nil && nextErr != nil:
		return Impact{Effect: render.None, Message: "refused by both sets: " + nextErr.Error()}, nil
	case nextErr != nil:
		return Impact{Effect: render.Refused, Message: nextErr.Error()}, nil
	case nowErr != nil:
		now = &render.Result{}
	}
	effect, changes := render.Compare(now, next)
	return Impact{Effect: effect, Changes: changes}, next
}

func isAllowed(owner manifests.Owner, evaluation *render.Evaluation) bool {
	outlines, err := evaluation.Outline(manifests.Reads)
	return err == nil && manifests.Check(owner, outlines) == nil
}
