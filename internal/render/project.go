package render

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// RenderProject renders project as the API server holds it, as Render does an
// NpuDeploy.
func (t *Templates) RenderProject(project *v1.Project) (*Manifests, error) {
	keys := newStandIns(t.words)
	input, err := inputOf(v1.KindProject, map[string]any{"name": project.Name}, &project.Spec, keys)
	if err != nil {
		return nil, err
	}
	return t.project.render(input, ProjectSettings{}, keys)
}

// RenderManifests renders the YAML document of any kind of ours: what is no Project is
// taken for an NpuDeploy, and refused as one. The facts are for an NpuDeploy alone.
func (t *Templates) RenderManifests(file string, document []byte, facts ProjectSettings) (*Manifests, error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err == nil && meta.Kind == v1.KindProject {
		return t.RenderProjectYAML(file, document)
	}
	result, err := t.RenderYAML(file, document, facts)
	if err != nil {
		return nil, err
	}
	return &result.Manifests, nil
}

// RenderProjectYAML renders the YAML document of a Project, as RenderYAML does that of
// an NpuDeploy.
func (t *Templates) RenderProjectYAML(file string, document []byte) (*Manifests, error) {
	input, err := t.extract(file, document)
	if err != nil {
		return nil, err
	}
	return t.project.render(input, ProjectSettings{}, newStandIns(nil))
}
