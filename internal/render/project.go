package render

import (
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// ProjectSettings are the fields of a Project that the NpuDeploys of its namespace follow.
// They are comparable: equal settings render the same. They are zero without a Project.
type ProjectSettings struct {
	DefaultPriorityClass string `json:"defaultPriorityClass,omitempty"`
}

// SettingsOf returns the settings of a Project, which may be nil.
func SettingsOf(project *v1.Project) ProjectSettings {
	if project == nil {
		return ProjectSettings{}
	}
	return ProjectSettings{DefaultPriorityClass: project.Spec.DefaultPriorityClass}
}

// SettingsByNamespace returns the settings of projects by namespace.
func SettingsByNamespace(projects []v1.Project) map[string]ProjectSettings {
	settings := make(map[string]ProjectSettings, len(projects))
	for i := range projects {
		settings[projects[i].Name] = SettingsOf(&projects[i])
	}
	return settings
}

// RenderProject renders project as the API server returns it.
func (t *Templates) RenderProject(project *v1.Project) (*Manifests, error) {
	evaluation, err := t.EvaluateProject(project)
	if err != nil {
		return nil, err
	}
	return evaluation.Manifests()
}

// EvaluateProject is RenderProject without the export of the manifests.
func (t *Templates) EvaluateProject(project *v1.Project) (*Evaluation, error) {
	in, err := t.inputOf(v1.KindProject, map[string]any{"name": project.Name}, &project.Spec, ProjectSettings{})
	if err != nil {
		return nil, err
	}
	return t.project.evaluate(in, ProjectSettings{})
}
