package render_test

import (
	"reflect"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// kind is one kind of the API, with all that there is of it.
type kind struct {
	name     string
	contract string // the definition, in the CUE package of that name in lower case
	folder   string // the CUE package
	crd      string
	spec     reflect.Type
	metadata map[string]any // valid
}

func npuDeploys() kind {
	return kind{
		name: v1.Kind, contract: "#NpuDeploy", folder: "./schemas/npudeploy",
		crd: "../../bundle/crd/dudaji.com_npudeploys.yaml", spec: reflect.TypeFor[v1.NpuDeploySpec](),
		metadata: map[string]any{"name": "llama", "namespace": "ml-serving"},
	}
}

func projects() kind {
	return kind{
		name: v1.KindProject, contract: "#Project", folder: "./schemas/project",
		crd: "../../bundle/crd/dudaji.com_projects.yaml", spec: reflect.TypeFor[v1.ProjectSpec](),
		metadata: map[string]any{"name": "ml-serving"},
	}
}

func kinds() []kind { return []kind{npuDeploys(), projects()} }
