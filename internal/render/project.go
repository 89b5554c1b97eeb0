package render

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

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
	keys := newPlaceholders(t.words)
	input, err := inputOf(v1.KindProject, map[string]any{"name": project.Name}, &project.Spec, keys)
	if err != nil {
		return nil, err
	}
	return t.project.render(input, ProjectSettings{}, keys)
}

// RenderManifests renders the YAML document of a Project or an NpuDeploy. Any other kind is
// rejected as an invalid NpuDeploy. The settings apply to an NpuDeploy only.
func (t *Templates) RenderManifests(file string, document []byte, settings ProjectSettings) (*Manifests, error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err == nil && meta.Kind == v1.KindProject {
		return t.RenderProjectYAML(file, document)
	}
	result, err := t.RenderYAML(file, document, settings)
	if err != nil {
		return nil, err
	}
	return &result.Manifests, nil
}

// RenderProjectYAML renders the YAML document of a Project, as RenderYAML does that of an
// NpuDeploy.
func (t *Templates) RenderProjectYAML(file string, document []byte) (*Manifests, error) {
	input, err := t.extract(file, document)
	if err != nil {
		return nil, err
	}
	return t.project.render(input, ProjectSettings{}, newPlaceholders(nil))
}
