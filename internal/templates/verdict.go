package templates

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// verdict compiles candidate and renders with it what has to render: the examples, its
// own presets, and all that is live. It returns all of what is wrong.
func verdict(candidate fs.FS, live Live) []Violation {
	set, err := render.Compile(candidate)
	if err != nil {
		return faultsOf(err)
	}
	return slices.Concat(rendersExamples(set), rendersPresets(set),
		rendersDeploys(set, live.Deploys, render.SettingsByNamespace(live.Projects)), rendersProjects(set, live.Projects))
}

// faultsOf are the faults of templates that do not compile.
func faultsOf(err error) []Violation {
	var broken *render.TemplateError
	if !errors.As(err, &broken) {
		return []Violation{{Message: err.Error()}}
	}
	faults := make([]Violation, len(broken.Faults))
	for i, fault := range broken.Faults {
		faults[i] = Violation{File: fault.Position.Filename, Line: fault.Position.Line, Message: fault.Message}
	}
	return faults
}

func rendersExamples(set *render.Templates) []Violation {
	names, err := fs.Glob(nufi.Examples(), "examples/*/*.yaml")
	if err != nil {
		return faultsOf(err)
	}
	var faults []Violation
	for _, name := range names {
		content, err := fs.ReadFile(nufi.Examples(), name)
		if err == nil {
			_, err = set.RenderManifests(name, content, render.ProjectSettings{})
		}
		faults = refused(faults, name, err)
	}
	return faults
}

func rendersPresets(set *render.Templates) []Violation {
	var faults []Violation
	for _, preset := range set.Catalogue.Presets {
		_, err := set.RenderPreset(preset)
		faults = refused(faults, "preset "+preset.Name, err)
	}
	return faults
}

func rendersDeploys(set *render.Templates, specs []v1.NpuDeploy, facts map[string]render.ProjectSettings) []Violation {
	var faults []Violation
	for i := range specs {
		_, err := set.Render(&specs[i], facts[specs[i].Namespace])
		faults = refused(faults, specs[i].Namespace+"/"+specs[i].Name, err)
	}
	return faults
}

func rendersProjects(set *render.Templates, specs []v1.Project) []Violation {
	var faults []Violation
	for i := range specs {
		_, err := set.RenderProject(&specs[i])
		faults = refused(faults, "project "+specs[i].Name, err)
	}
	return faults
}

// refused adds a fault to faults if there is an error.
func refused(faults []Violation, what string, err error) []Violation {
	if err == nil {
		return faults
	}
	return append(faults, Violation{Message: fmt.Sprintf("rendering %s: %v", what, err)})
}
