package render_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// kind is one kind of the API.
type kind struct {
	name     string
	contract string // the definition, in the CUE package of that name in lower case
	folder   string // the CUE package
	crd      string
	spec     reflect.Type
	metadata map[string]any // valid

	example  string // the example's file, in a folder of its own
	fixtures string
	rules    string // files, in the module
	goldens  string
	render   func(set *render.Templates, document []byte) (*render.Manifests, error)
}

func npuDeploys() kind {
	return kind{
		name: v1.Kind, contract: "#NpuDeploy", folder: "./schemas/npudeploy",
		crd: "../../bundle/crd/dudaji.com_npudeploys.yaml", spec: reflect.TypeFor[v1.NpuDeploySpec](),
		metadata: map[string]any{"name": "llama", "namespace": "ml-serving"},
		example:  "npudeploy.yaml", fixtures: "../../schemas/npudeploy/testdata", rules: "schemas/workload/rules*.cue",
		goldens: "testdata/*.txtar",
		render: func(set *render.Templates, document []byte) (*render.Manifests, error) {
			result, err := set.RenderYAML(inputName, document, render.ProjectSettings{})
			if err != nil {
				return nil, err
			}
			return &result.Manifests, nil
		},
	}
}

func projects() kind {
	return kind{
		name: v1.KindProject, contract: "#Project", folder: "./schemas/project",
		crd: "../../bundle/crd/dudaji.com_projects.yaml", spec: reflect.TypeFor[v1.ProjectSpec](),
		metadata: map[string]any{"name": "ml-serving"},
		example:  "project.yaml", fixtures: "../../schemas/project/testdata", rules: "schemas/project/rules*.cue",
		goldens: "testdata/project/*.txtar",
		render: func(set *render.Templates, document []byte) (*render.Manifests, error) {
			return renderDocument(set, document)
		},
	}
}

// renderDocument renders a document with one object.
func renderDocument(set *render.Templates, document []byte) (*render.Manifests, error) {
	return set.RenderDocument(render.ReadDocuments(inputName, document)[0], render.ProjectSettings{})
}

// ofEach runs a test for each kind.
func ofEach(t *testing.T, test func(t *testing.T, kind kind)) {
	t.Helper()
	for _, kind := range kinds() {
		t.Run(kind.name, func(t *testing.T) { test(t, kind) })
	}
}

// ofEachFixture runs a test for each fixture of each kind whose path below testdata matches.
func ofEachFixture(t *testing.T, pattern string, test func(t *testing.T, kind kind, file string)) {
	t.Helper()
	ofEach(t, func(t *testing.T, kind kind) {
		t.Helper()
		for _, file := range glob(t, kind.fixtures+"/"+pattern) {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				test(t, kind, file)
			})
		}
	})
}

func kinds() []kind { return []kind{npuDeploys(), projects()} }
