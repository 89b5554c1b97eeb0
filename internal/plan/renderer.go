package plan

import (
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Renderer renders one NpuDeploy or Project with any set of templates.
type Renderer struct {
	Owner manifests.Owner
	// Unchecked renders the object, and does not check whether its manifests may be applied.
	Unchecked func(*render.Templates) (*render.Result, error)

	// evaluate evaluates the object without exporting its manifests from CUE. nil: not possible.
	evaluate func(*render.Templates) (*render.Evaluation, error)
	// shared returns the shared render of the object, if there is one. nil: not possible.
	shared func(*render.Templates) (result *render.Result, ok bool)
}

// DeployRenderer renders deploy with the settings of its namespace, and the backends that its status reports.
func DeployRenderer(deploy *v1.NpuDeploy, settings render.ProjectSettings) Renderer {
	return Renderer{
		Owner: manifests.DeployOwner(deploy.Namespace),
		Unchecked: func(set *render.Templates) (*render.Result, error) {
			return set.RenderShared(deploy, settings, render.ReportedBackends(deploy)...)
		},
		evaluate: func(set *render.Templates) (*render.Evaluation, error) {
			return set.Evaluate(deploy, settings, render.ReportedBackends(deploy)...)
		},
		shared: func(set *render.Templates) (*render.Result, bool) {
			return set.RenderIfShared(deploy, settings, render.ReportedBackends(deploy)...)
		},
	}
}

// ProjectRenderer renders project.
func ProjectRenderer(project *v1.Project) Renderer {
	evaluate := func(set *render.Templates) (*render.Evaluation, error) { return set.EvaluateProject(project) }
	unchecked := func(set *render.Templates) (*render.Result, error) {
		evaluation, err := evaluate(set)
		if err != nil {
			return nil, err
		}
		return evaluation.Result()
	}
	return Renderer{Owner: manifests.ProjectOwner(project.Name), Unchecked: unchecked, evaluate: evaluate}
}

// DocumentRenderer renders a document of owner without settings.
func DocumentRenderer(document render.Document, owner manifests.Owner) Renderer {
	return Renderer{Owner: owner, Unchecked: func(set *render.Templates) (*render.Result, error) {
		rendered, err := set.RenderDocument(document, render.ProjectSettings{})
		if err != nil {
			return nil, err
		}
		return &render.Result{Manifests: *rendered}, nil
	}}
}

// Render renders with set. The error is a *manifests.NotAllowedError if templates may not
// render the result.
func (r Renderer) Render(set *render.Templates) (*render.Result, error) {
	result, err := r.Unchecked(set)
	if err != nil {
		return nil, err
	}
	if err := manifests.Check(r.Owner, result.Objects); err != nil {
		return nil, err
	}
	return result, nil
}
