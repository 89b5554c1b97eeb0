package api

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/projects"
	"github.com/dudaji/nufi/apiserver/rest"
)

// problemSchema is the schema of errors.
const problemSchema = openapi.Ref("Problem")

// document returns the OpenAPI document of the routes. The schemas of NpuDeploy and Project
// are the CRDs' own, with their descriptions and bounds.
func document(routes []rest.Route) ([]byte, error) {
	deploy, err := crdSchema(npudeploys.Resource)
	if err != nil {
		return nil, err
	}
	project, err := crdSchema(live.Projects)
	if err != nil {
		return nil, err
	}
	operations := make([]openapi.Operation, len(routes))
	for i, route := range routes {
		operations[i] = route.Operation
	}
	return openapi.API{
		Title:       "NuFi",
		Version:     "v1",
		Description: "Models served on NPUs and GPUs. Every call is made with the permissions that Kubernetes gives to the user.",
		Operations:  operations,
		Problem:     openapi.Content{Types: []string{problem.ContentType}, Schema: problemSchema},
		Schemas: map[string]any{
			string(npudeploys.Schema):     deploy,
			string(npudeploys.ListSchema): listOf(npudeploys.Schema, "A page of NpuDeploys. metadata.continue, if present, continues the list; metadata.resourceVersion, if present, begins a watch."),
			string(projects.Schema):       project,
			string(projects.ListSchema):   listOf(projects.Schema, "A page of Projects, by name. metadata.continue, if present, continues the list."),
			string(problemSchema):         problem.Error{},
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
