package openapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/openapi"
)

const media = "application/json"

// describe returns the decoded document.
func describe(t *testing.T, api openapi.API) map[string]any {
	t.Helper()
	text, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// at returns what a document has at a path of names.
func at(t *testing.T, document map[string]any, path ...string) any {
	t.Helper()
	var value any = document
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok || object[name] == nil {
			t.Fatalf("the document has no %v", path)
		}
		value = object[name]
	}
	return value
}

type tree struct {
	Name     string          `json:"name" doc:"of the node"`
	Kind     string          `json:"kind,omitempty" enum:"Leaf,Branch"`
	Children []tree          `json:"children"`
	Parent   *tree           `json:"parent,omitempty"`
	Labels   map[string]bool `json:"labels,omitzero"`
	Weight   float64         `json:"weight"`
	Count    int32           `json:"count"`
	Size     int             `json:"size"`
	Created  time.Time       `json:"created"`
	Extra    any             `json:"extra"`
	Hidden   string          `json:"-"`
	internal string
}

func TestSchemaFollowsTheGoType(t *testing.T) {
	t.Parallel()
	document := describe(t, openapi.API{Schemas: map[string]any{"Tree": tree{internal: "unused"}}})
	ref := map[string]any{"$ref": "#/components/schemas/Tree"}
	want := map[string]any{
		"type":     "object",
		"required": []any{"name", "children", "weight", "count", "size", "created", "extra"},
		"properties": map[string]any{
			"name":     map[string]any{"type": "string", "description": "of the node"},
			"kind":     map[string]any{"type": "string", "enum": []any{"Leaf", "Branch"}},
			"children": map[string]any{"type": "array", "items": ref},
			"parent":   ref,
			"labels":   map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "boolean"}},
			"weight":   map[string]any{"type": "number"},
			"count":    map[string]any{"type": "integer", "format": "int32"},
			"size":     map[string]any{"type": "integer", "format": "int64"},
			"created":  map[string]any{"type": "string", "format": "date-time"},
			"extra":    map[string]any{},
		},
	}
	if diff := cmp.Diff(want, at(t, document, "components", "schemas", "Tree")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// item is a component named Item, unless an operation's own type has that name.
type item struct {
	ID string `json:"id"`
}

func TestTypeWithATakenNameIsNamedByItsPackage(t *testing.T) {
	t.Parallel()
	document := describe(t, openapi.API{
		Schemas: map[string]any{"Item": map[string]any{"type": "string"}},
		Operations: []openapi.Operation{{
			ID: "getItem", Method: http.MethodGet, Path: "/item", Status: http.StatusOK,
			Returns: openapi.Content{Types: []string{media}, Schema: item{}},
		}},
	})
	got := at(t, document, "paths", "/item", "get", "responses", "200", "content", media, "schema", "$ref")
	if want := "#/components/schemas/Openapi_testItem"; got != want {
		t.Errorf("the response refers to %s, want %s", got, want)
	}
	at(t, document, "components", "schemas", "Openapi_testItem", "properties", "id")
	if kind := at(t, document, "components", "schemas", "Item", "type"); kind != "string" {
		t.Errorf("the named schema became %v", kind)
	}
}

func TestEmbeddedStructsAddTheirFields(t *testing.T) {
	t.Parallel()
	type outer struct {
		item

		Name string `json:"name,omitempty"`
	}
	document := describe(t, openapi.API{Schemas: map[string]any{"Outer": outer{}}})
	schema := at(t, document, "components", "schemas", "Outer").(map[string]any)
	at(t, schema, "properties", "id")
	at(t, schema, "properties", "name")
	if diff := cmp.Diff([]any{"id"}, at(t, schema, "required")); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
}

func TestContentHasTheSchemaOfItsType(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		schema any
		want   map[string]any
	}{
		"a file":        {nil, map[string]any{"type": "string", "format": "binary"}},
		"a reference":   {openapi.Ref("Other"), map[string]any{"$ref": "#/components/schemas/Other"}},
		"a JSON Schema": {openapi.Integer(1, 8), map[string]any{"type": "integer", "minimum": 1.0, "maximum": 8.0}},
		"a list":        {[]string{}, map[string]any{"type": "array", "items": map[string]any{"type": "string"}}},
		"a pointer":     {new(bool), map[string]any{"type": "boolean"}},
	} {
		document := describe(t, openapi.API{Operations: []openapi.Operation{{
			Method: http.MethodPost, Path: "/", Status: http.StatusOK,
			Accepts: []openapi.Content{{Types: []string{media, "text/plain"}, Schema: test.schema}},
		}}})
		body := at(t, document, "paths", "/", "post", "requestBody", "content").(map[string]any)
		for _, kind := range []string{media, "text/plain"} {
			if diff := cmp.Diff(test.want, at(t, body, kind, "schema")); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", name, kind, diff)
			}
		}
	}
}

// Each status has the headers that a client must expect.
func TestResponsesOfAnOperation(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		operation openapi.Operation
		want      map[string][]string // headers by status, X-Request-Id aside
	}{
		"a read": {
			openapi.Operation{Method: http.MethodGet, Status: http.StatusOK, HasETag: true},
			map[string][]string{"200": {"Age", "ETag", "Warning"}, "304": {"ETag"}},
		},
		"a public read": {
			openapi.Operation{Method: http.MethodGet, Status: http.StatusOK, Public: true},
			map[string][]string{"200": {}},
		},
		"a create": {
			openapi.Operation{Method: http.MethodPost, Status: http.StatusCreated, HasETag: true},
			map[string][]string{"201": {"ETag", "Location", "Warning"}},
		},
		"a replacement that may create": {
			openapi.Operation{Method: http.MethodPut, Status: http.StatusOK, Created: true, HasETag: true},
			map[string][]string{"200": {"ETag", "Warning"}, "201": {"ETag", "Warning"}},
		},
		"a deletion without a body": {
			openapi.Operation{Method: http.MethodDelete, Status: http.StatusNoContent},
			map[string][]string{"204": {"Warning"}},
		},
	} {
		test.operation.Path = "/"
		document := describe(t, openapi.API{Operations: []openapi.Operation{test.operation}})
		method := map[string]string{"GET": "get", "POST": "post", "PUT": "put", "DELETE": "delete"}[test.operation.Method]
		responses := at(t, document, "paths", "/", method, "responses").(map[string]any)
		got := map[string][]string{}
		for status := range responses {
			if status != "default" {
				got[status] = headersOf(t, responses, status)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func headersOf(t *testing.T, responses map[string]any, status string) []string {
	t.Helper()
	names := []string{}
	for name := range at(t, responses, status, "headers").(map[string]any) {
		if name != "X-Request-Id" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestErrorsReferToSharedResponses(t *testing.T) {
	t.Parallel()
	document := describe(t, openapi.API{
		Problem: openapi.Content{Types: []string{"application/problem+json"}, Schema: item{}},
		Operations: []openapi.Operation{{
			Method: http.MethodGet, Path: "/", Status: http.StatusOK,
			Errors: []int{http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable},
		}},
	})
	for status, test := range map[string]struct {
		name    string
		headers []string
	}{
		"404":     {"NotFound", []string{}},
		"429":     {"TooManyRequests", []string{"Retry-After"}},
		"503":     {"ServiceUnavailable", []string{"Retry-After"}},
		"default": {"Error", []string{}},
	} {
		if got, want := at(t, document, "paths", "/", "get", "responses", status, "$ref"), "#/components/responses/"+test.name; got != want {
			t.Errorf("%s refers to %s, want %s", status, got, want)
		}
		shared := at(t, document, "components", "responses").(map[string]any)
		if diff := cmp.Diff(test.headers, headersOf(t, shared, test.name)); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", test.name, diff)
		}
		at(t, shared, test.name, "content", "application/problem+json", "schema")
	}
}

func TestParametersAreThoseOfPathQueryAndHeader(t *testing.T) {
	t.Parallel()
	document := describe(t, openapi.API{Operations: []openapi.Operation{{
		Method: http.MethodGet, Path: "/namespaces/{namespace}/items/{name}", Status: http.StatusOK,
		Query:   []openapi.Parameter{{Name: "continue", AllowEmpty: true}, {Name: "mode", Schema: openapi.Enum("a", "b")}},
		Headers: []openapi.Parameter{{Name: "If-Match", Required: true}},
	}}})
	text := map[string]any{"type": "string"}
	want := []any{
		map[string]any{"in": "path", "name": "namespace", "required": true, "description": "name of the namespace", "schema": text},
		map[string]any{"in": "path", "name": "name", "required": true, "description": "name of the object", "schema": text},
		map[string]any{"in": "query", "name": "continue", "required": false, "description": "", "schema": text, "allowEmptyValue": true},
		map[string]any{"in": "query", "name": "mode", "required": false, "description": "", "schema": map[string]any{"type": "string", "enum": []any{"a", "b"}}},
		map[string]any{"in": "header", "name": "If-Match", "required": true, "description": "", "schema": text},
	}
	if diff := cmp.Diff(want, at(t, document, "paths", "/namespaces/{namespace}/items/{name}", "get", "parameters")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDocumentIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	api := openapi.API{
		Schemas:         map[string]any{"A": tree{}, "B": item{}, "C": openapi.Boolean()},
		SecuritySchemes: map[string]any{"bearer": map[string]any{"type": "http"}, "session": map[string]any{"type": "apiKey"}},
	}
	first, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := api.Document()
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("the document became %s: %v", again, err)
		}
	}
	if _, err := (openapi.API{Schemas: map[string]any{"A": map[string]any{"bad": func() {}}}}).Document(); err == nil {
		t.Error("a schema that is no JSON is accepted")
	}
}
