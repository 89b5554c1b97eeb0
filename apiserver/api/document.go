package api

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// The schemas that routes refer to by name.
const (
	refNpuDeploy = openapi.Ref("NpuDeploy")
	refList      = openapi.Ref("NpuDeployList")
	refProblem   = openapi.Ref("Problem")
)

// document is the OpenAPI document of the table. NpuDeploy's schema is the CRD's own, with
// its descriptions and bounds.
func (a *API) document() ([]byte, error) {
	deploy, err := crdSchema(nufi.CRD())
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
			string(refNpuDeploy): deploy,
			string(refProblem):   problem.Error{},
			string(refList): map[string]any{
				"type":        "object",
				"description": "A page of NpuDeploys. metadata.continue, if there is one, asks for the next.",
				"properties": map[string]any{
					"metadata": map[string]any{"type": "object"},
					"items":    map[string]any{"type": "array", "items": map[string]any{"$ref": "#/components/schemas/NpuDeploy"}},
				},
			},
		},
	}.Document()
}

func crdSchema(text []byte) (map[string]any, error) {
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
