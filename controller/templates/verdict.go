package templates

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// verdict compiles candidate and renders with it what has to render: the examples, and
// all that is live. All of what is wrong is in the error, a line each.
func verdict(candidate fs.FS, live Live) error {
	set, err := render.Compile(candidate)
	if err != nil {
		return err
	}
	return errors.Join(rendersExamples(set), rendersDeploys(set, live.Deploys), rendersProjects(set, live.Projects))
}

func rendersExamples(set *render.Templates) error {
	names, err := fs.Glob(nufi.Examples(), "examples/*/*.yaml")
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range names {
		content, err := fs.ReadFile(nufi.Examples(), name)
		if err != nil {
			return err
		}
		if _, err := set.RenderManifests(name, content); err != nil {
			faults = append(faults, fmt.Errorf("rendering %s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

func rendersDeploys(set *render.Templates, specs []v1.NpuDeploy) error {
	var faults []error
	for i := range specs {
		if _, err := set.Render(&specs[i]); err != nil {
			faults = append(faults, fmt.Errorf("rendering %s/%s: %w", specs[i].Namespace, specs[i].Name, err))
		}
	}
	return errors.Join(faults...)
}

func rendersProjects(set *render.Templates, specs []v1.Project) error {
	var faults []error
	for i := range specs {
		if _, err := set.RenderProject(&specs[i]); err != nil {
			faults = append(faults, fmt.Errorf("rendering project %s: %w", specs[i].Name, err))
		}
	}
	return errors.Join(faults...)
}
