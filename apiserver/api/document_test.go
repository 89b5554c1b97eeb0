package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// openAPI is what the tests read of the document.
type openAPI struct {
	Paths map[string]map[string]struct {
		OperationID string
		Parameters  []struct {
			Name, In, Description string
			Schema                map[string]any
		}
		RequestBody struct {
			Content map[string]struct{ Schema map[string]any }
		}
		Responses map[string]struct {
			Ref     string `json:"$ref"`
			Headers map[string]any
			Content map[string]struct{ Schema map[string]any }
		}
	}
	Components map[string]map[string]any
}

func readDocument(t *testing.T) (openAPI, []byte) {
	t.Helper()
	a := &API{options: Options{Limits: DefaultLimits()}}
	text, err := document(a.table(), true)
	if err != nil {
		t.Fatal(err)
	}
	if file := os.Getenv("OPENAPI_OUT"); file != "" { // for tools that read it
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var d openAPI
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d, text
}

func TestOpenAPIOperationsHaveUniqueIDsAndSchemas(t *testing.T) {
	t.Parallel()
	d, _ := readDocument(t)
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			name := method + " " + path
			if !regexp.MustCompile(`^[a-z][A-Za-z]+$`).MatchString(o.OperationID) || ids[o.OperationID] {
				t.Errorf("%s: the id is %q", name, o.OperationID)
			}
			ids[o.OperationID] = true
			for _, p := range o.Parameters {
				if p.Schema["type"] == nil || p.Description == "" {
					t.Errorf("%s: parameter %s is %v", name, p.Name, p)
				}
			}
			for media, content := range o.RequestBody.Content {
				if len(content.Schema) == 0 {
					t.Errorf("%s: %s has no schema", name, media)
				}
			}
			success := 0
			for status, response := range o.Responses {
				if status < "400" {
					success++
				} else if !strings.HasPrefix(response.Ref, "#/components/responses/") {
					t.Errorf("%s: %s is %v", name, status, response)
				}
			}
			if success == 0 || o.Responses["429"].Ref == "" && strings.HasPrefix(path, "/api") {
				t.Errorf("%s: the responses are %v", name, slices.Sorted(maps.Keys(o.Responses)))
			}
		}
	}
}

func TestDocumentDescribesWrites(t *testing.T) {
	t.Parallel()
	d, _ := readDocument(t)
	one := d.Paths["/api/v1/namespaces/{namespace}/npudeploys/{name}"]
	for status, want := range map[string]string{"200": "#/components/schemas/NpuDeploy", "201": "#/components/schemas/NpuDeploy"} {
		response := one["put"].Responses[status]
		if response.Content["application/json"].Schema["$ref"] != want || response.Headers["ETag"] == nil {
			t.Errorf("PUT %s: %v", status, response)
		}
	}
	if one["get"].Responses["304"].Headers["ETag"] == nil {
		t.Errorf("GET 304: %v", one["get"].Responses["304"])
	}
	for _, status := range []string{"400", "401", "403", "404", "408", "409", "412", "413", "415", "422", "428", "429"} {
		if one["put"].Responses[status].Ref == "" {
			t.Errorf("PUT has no %s", status)
		}
	}
	bodies := one["patch"].RequestBody.Content
	if bodies["application/merge-patch+json"].Schema["additionalProperties"] != true || bodies["application/apply-patch+yaml"].Schema["$ref"] != "#/components/schemas/NpuDeployInput" {
		t.Errorf("PATCH takes %v", bodies)
	}
	types := map[string]string{}
	for _, p := range append(one["put"].Parameters, d.Paths["/api/v1/npudeploys"]["get"].Parameters...) {
		types[p.Name] = fmt.Sprint(p.Schema["type"], " ", p.Schema["enum"], " ", p.Schema["maximum"])
	}
	for name, want := range map[string]string{"dryRun": "string [All] <nil>", "force": "boolean <nil> <nil>", "limit": "integer <nil> 1000", "labelSelector": "string <nil> <nil>"} {
		if types[name] != want {
			t.Errorf("%s is %s, want %s", name, types[name], want)
		}
	}
}

func TestOpenAPIReferencesResolve(t *testing.T) {
	t.Parallel()
	d, text := readDocument(t)
	schemas := d.Components["schemas"]
	for _, found := range regexp.MustCompile(`#/components/(\w+)/(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if d.Components[found[1]][found[2]] == nil {
			t.Errorf("there is no %s", found[0])
		}
	}
	for _, name := range []string{"NpuDeploy", "Project"} {
		schema := schemas[name].(map[string]any)
		if fmt.Sprint(schema["required"]) != "[apiVersion kind metadata spec]" {
			t.Errorf("%s requires %v", name, schema["required"])
		}
		if ref := schema["properties"].(map[string]any)["metadata"].(map[string]any)["$ref"]; ref != "#/components/schemas/ObjectMeta" {
			t.Errorf("the metadata of %s is %v", name, ref)
		}
		if schemas[name+"Input"].(map[string]any)["properties"].(map[string]any)["status"] != nil {
			t.Errorf("%sInput has a status", name)
		}
		if !strings.HasPrefix(fmt.Sprint(schemas[name+"List"].(map[string]any)["required"]), "[apiVersion kind metadata items") {
			t.Errorf("%sList is %v", name, schemas[name+"List"])
		}
	}
	if schemas["DevicesProject"].(map[string]any)["properties"].(map[string]any)["types"] == nil || schemas["Project"].(map[string]any)["properties"].(map[string]any)["spec"] == nil {
		t.Error("two schemas have one name")
	}
	for name, schema := range schemas {
		variants, _ := schema.(map[string]any)["oneOf"].([]any)
		for _, variant := range variants {
			if variant.(map[string]any)["$ref"] == nil && strings.HasSuffix(name, "Event") {
				t.Errorf("a variant of %s has no name: %v", name, variant)
			}
		}
	}
	for _, name := range []string{"WatchEventNpudeploysAddedOrModified", "WatchEventProjectsReset", "WatchEventEnd", "NpuDeployEventDeletedData", "LogEventMessageOrPart"} {
		if schemas[name] == nil {
			t.Errorf("there is no schema %s", name)
		}
	}
	revision := schemas["Revision"].(map[string]any)["properties"].(map[string]any)
	if spec, at := revision["spec"].(map[string]any)["$ref"], revision["changedAt"].(map[string]any)["format"]; spec != "#/components/schemas/NpuDeploySpec" || at != "date-time" {
		t.Errorf("a revision has the spec %v and a time with the format %v", spec, at)
	}
	role := schemas["Member"].(map[string]any)["properties"].(map[string]any)["role"].(map[string]any)
	if fmt.Sprint(role["enum"]) != "[Viewer Editor Admin]" {
		t.Errorf("a role is %v", role)
	}
}
