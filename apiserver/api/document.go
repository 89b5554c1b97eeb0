package api

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/dashboard"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/projects"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/apiserver/rollouts"
	"github.com/dudaji/nufi/apiserver/workloads"
)

const (
	listMetaSchema = openapi.Ref("ListMeta")
	summarySchema  = openapi.Ref("NpuDeployListSummary")
	stateSchema    = openapi.Ref("NpuDeployState")

	watchEventSchema = openapi.Ref("WatchEvent")
)

// document returns the OpenAPI document of the routes. The schemas of NpuDeploy and Project
// are the CRDs' own, with their descriptions and bounds.
func document(routes []rest.Route, login bool) ([]byte, error) {
	schemas := map[string]any{
		string(rest.ProblemSchema): problem.Error{}, string(devices.Schema): devices.View{},
		string(rest.ObjectMetaSchema): objectMeta(), string(listMetaSchema): listMeta(),
		string(npudeploys.ListSchema): deployList(), string(summarySchema): npudeploys.Summary{}, string(stateSchema): live.StateSummary{},
		string(projects.ListSchema):    listOf(projects.Schema, "A page of Projects, by name."),
		string(rollouts.ListSchema):    listOf(rollouts.Schema, "All TemplateRollouts, the newest first."),
		string(npudeploys.EventSchema): npudeploys.Events(), string(projects.EventSchema): projects.Events(), string(devices.EventSchema): devices.Events(), string(workloads.EventSchema): workloads.Events(),
		string(watchEventSchema): rest.MergedEventSchema(map[string]map[string]any{
			npudeploys.Resource: npudeploys.Events(), live.Projects: projects.Events(), devices.Topic: devices.Events(),
		}),
	}
	for _, kind := range []struct {
		resource      string
		schema, input openapi.Ref
	}{{npudeploys.Resource, npudeploys.Schema, npudeploys.InputSchema}, {live.Projects, projects.Schema, projects.InputSchema}} {
		schema, err := crdSchema(kind.resource)
		if err != nil {
			return nil, err
		}
		nameObjects(schemas, string(kind.schema), schema, 2)
		schemas[string(kind.schema)], schemas[string(kind.input)] = schema, inputOf(schema)
	}
	for _, name := range []openapi.Ref{npudeploys.EventSchema, projects.EventSchema, devices.EventSchema, workloads.EventSchema, watchEventSchema} {
		nameVariants(schemas, string(name))
	}
	rolloutSchema, err := crdSchema(rollouts.Resource)
	if err != nil {
		return nil, err
	}
	nameObjects(schemas, string(rollouts.Schema), rolloutSchema, 2)
	schemas[string(rollouts.Schema)] = rolloutSchema
	operations := make([]openapi.Operation, len(routes))
	for i, route := range routes {
		operations[i] = route.Operation
		operations[i].Errors = append(errorsOf(route), route.Errors...)
	}
	operations = append(operations, dashboard.AssetOperation())
	security := map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}}
	if login {
		operations = append(operations, loginOperations()...)
		security["session"] = map[string]any{"type": "apiKey", "in": "cookie", "name": "__Host-nufi-session"}
	}
	return openapi.API{
		Title:           "NuFi",
		Version:         "v1",
		Description:     "Models served on NPUs and GPUs. Every call is made with the permissions that Kubernetes gives to the user.",
		License:         "Apache-2.0",
		Operations:      operations,
		SecuritySchemes: security,
		Problem:         openapi.Content{Types: []string{problem.ContentType}, Schema: rest.ProblemSchema},
		Schemas:         schemas,
	}.Document()
}

// loginOperations returns the operations of browser logins.
func loginOperations() []openapi.Operation {
	return []openapi.Operation{
		{
			ID: "login", Method: http.MethodGet, Path: "/login", Public: true, Status: http.StatusFound,
			Errors:  []int{http.StatusBadRequest, http.StatusServiceUnavailable},
			Summary: "Log in with a browser: a redirect to the provider, and back to the page of the query",
			Query:   []openapi.Parameter{{Name: "return", Doc: "path to return to"}},
		},
		{
			ID: "logout", Method: http.MethodPost, Path: "/logout", Public: true, Status: http.StatusNoContent, Errors: []int{http.StatusForbidden},
			Summary: "End the session; 303 to a page if text/html is accepted, as by a form",
		},
	}
}

// errorsOf returns the statuses of a route's errors.
func errorsOf(route rest.Route) []int {
	statuses := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}
	if strings.Contains(route.Path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if len(route.Accepts) > 0 {
		statuses = append(statuses, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if route.Change != "" {
		statuses = append(statuses, http.StatusConflict)
	}
	for _, header := range route.Headers {
		if header.Name == "If-Match" {
			statuses = append(statuses, http.StatusPreconditionFailed)
			if route.Created {
				statuses = append(statuses, http.StatusPreconditionRequired)
			}
		}
	}
	return statuses
}

func object(description string, properties map[string]any, required ...string) map[string]any {
	schema := map[string]any{"type": "object", "description": description, "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func described(description string, schema map[string]any) map[string]any {
	schema["description"] = description
	return schema
}

func text(description string) map[string]any {
	return map[string]any{"type": "string", "description": description}
}

// objectMeta describes the fields of metadata that this API shows.
func objectMeta() map[string]any {
	strings := map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
	timestamp := func(description string) map[string]any {
		return map[string]any{"type": "string", "format": "date-time", "description": description}
	}
	return object("Kubernetes' metadata of an object. Other fields than name, namespace, labels and annotations are read-only.", map[string]any{
		"name":              text("name of the object"),
		"namespace":         text("namespace of the object; absent for Projects"),
		"labels":            described("labels, for selectors", maps.Clone(strings)),
		"annotations":       described("annotations", maps.Clone(strings)),
		"uid":               text("differs for each object of the same name"),
		"resourceVersion":   text("changes with each change of the object"),
		"generation":        map[string]any{"type": "integer", "format": "int64", "description": "changes with each change of the spec"},
		"creationTimestamp": timestamp("time of creation"),
		"deletionTimestamp": timestamp("present while the object is being deleted"),
		"finalizers":        map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		"ownerReferences":   map[string]any{"type": "array", "items": map[string]any{"type": "object", "additionalProperties": true}},
	})
}

func listMeta() map[string]any {
	return object("Metadata of a list.", map[string]any{
		"resourceVersion": text("version of the list; absent if the user may not see all namespaces"),
		"continue":        text("continues the list; absent on the last page"),
	})
}

func listOf(item openapi.Ref, description string) map[string]any {
	return object(description, map[string]any{
		"apiVersion": text("dudaji.com/v1"),
		"kind":       text("kind of the list"),
		"metadata":   listMetaSchema.Schema(),
		"items":      map[string]any{"type": "array", "items": item.Schema()},
	}, "apiVersion", "kind", "metadata", "items")
}

// deployList describes what package npudeploys adds to Kubernetes' lists.
func deployList() map[string]any {
	list := listOf(npudeploys.Schema, "A page of NpuDeploys. metadata.resourceVersion, if present, begins a watch.")
	properties, _ := list["properties"].(map[string]any)
	properties["summary"] = summarySchema.Schema()
	properties["states"] = map[string]any{"type": "array", "items": stateSchema.Schema(), "description": "the state of each of items, in the same order"}
	list["required"] = []string{"apiVersion", "kind", "metadata", "items", "summary", "states"}
	return list
}

// crdSchema returns the CRD's schema of a response.
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
	if err := json.Unmarshal(content, &schema); err != nil {
		return nil, fmt.Errorf("reading the CRD: %w", err)
	}
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reading the CRD: %s has no properties", resource)
	}
	properties["metadata"] = rest.ObjectMetaSchema.Schema()
	schema["required"] = []string{"apiVersion", "kind", "metadata", "spec"}
	return schema, nil
}

// nameObjects moves the objects in a schema, to a depth, to schemas of their own, which it names for their
// parents: NpuDeploySpec, NpuDeploySpecAccelerator. Generated clients have types for them.
func nameObjects(schemas map[string]any, parent string, schema map[string]any, depth int) {
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range properties {
		property, _ := value.(map[string]any)
		if property["properties"] == nil || depth == 0 {
			continue
		}
		own := openapi.Ref(parent + strings.ToUpper(name[:1]) + name[1:])
		nameObjects(schemas, string(own), property, depth-1)
		schemas[string(own)], properties[name] = property, own.Schema()
	}
}

// nameVariants moves the variants of a stream's event to schemas of their own, which it names for the events:
// WatchEventProjectsReset. Generated clients would number their types otherwise.
func nameVariants(schemas map[string]any, parent string) {
	schema, _ := schemas[parent].(map[string]any)
	variants, _ := schema["oneOf"].([]any)
	for i, variant := range variants {
		variant, _ := variant.(map[string]any)
		properties, _ := variant["properties"].(map[string]any)
		event, _ := properties["event"].(map[string]any)
		names, _ := event["enum"].([]string)
		own := parent + variantName(names)
		nameObjects(schemas, own, variant, 1)
		schemas[own], variants[i] = variant, openapi.Ref(own).Schema()
	}
}

// variantName returns the name of events of one topic: NpudeploysAddedOrModified.
func variantName(events []string) string {
	var name strings.Builder
	for i, event := range events {
		if i > 0 {
			name.WriteString("Or")
			event = event[strings.LastIndex(event, ".")+1:]
		}
		for word := range strings.SplitSeq(strings.ToLower(event), ".") {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}

// inputOf returns the schema of a request: without a status, and with apiVersion, kind and
// metadata optional, because the path has them.
func inputOf(schema map[string]any) map[string]any {
	input := maps.Clone(schema)
	properties, _ := schema["properties"].(map[string]any)
	properties = maps.Clone(properties)
	delete(properties, "status")
	input["properties"] = properties
	delete(input, "required")
	return input
}
