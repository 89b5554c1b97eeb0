package api

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// The schemas that routes refer to by name.
const (
	refNpuDeploy   = openapi.Ref("NpuDeploy")
	refList        = openapi.Ref("NpuDeployList")
	refProject     = openapi.Ref("Project")
	refProjectList = openapi.Ref("ProjectList")
	refProblem     = openapi.Ref("Problem")
)

// document is the OpenAPI document of the table. The schemas of NpuDeploy and Project are
// the CRDs' own, with their descriptions and bounds.
func (a *API) document() ([]byte, error) {
	deploy, err := crdSchema(resource)
	if err != nil {
		return nil, err
	}
	project, err := crdSchema(live.Projects)
	if err != nil {
		return nil, err
	}
	operations := make([]openapi.Operation, len(a.routes))
	for i, route := range a.routes {
		operations[i] = route.Operation
	}
	return openapi.API{
		Title:       "NuFi",
		Version:     "v1",
		Description: "Models served on NPUs and GPUs. Every call is made with the rights that Kubernetes gives to the person who makes it.",
		Operations:  operations,
		Problem:     openapi.Content{Types: []string{problem.ContentType}, Schema: refProblem},
		Schemas: map[string]any{
			string(refNpuDeploy):   deploy,
			string(refList):        listOf(refNpuDeploy, "A page of NpuDeploys. metadata.continue, if there is one, asks for the next; metadata.resourceVersion, if there is one, begins a watch."),
			string(refProject):     project,
			string(refProjectList): listOf(refProject, "A page of Projects, by name. metadata.continue, if there is one, asks for the next."),
			string(refProblem):     problem.Error{},
		},
	}.Document()
}

func listOf(item openapi.Ref, description string) map[string]any {
	return map[string]any{
		"type":        "object",
		"description": description,
		"properties": map[string]any{
			"metadata": map[string]any{"type": "object"},
			"items":    map[string]any{"type": "array", "items": map[string]any{"$ref": "#/components/schemas/" + string(item)}},
		},
	}
}

func crdSchema(resource string) (map[string]any, error) {
	text, err := nufi.CRD(resource)
	if err != nil {
		return nil, fmt.Errorf("reading the CRD: %w", err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, fmt.Errorf("reading the CRD: %w", err)
	}
	content, err := json.Marshal(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("reading the CRD: %w", err)
	}
	schema := map[string]any{}
	return schema, json.Unmarshal(content, &schema)
}
