// Package openapi describes an HTTP API as a document of OpenAPI 3.1: from the table of
// operations that its router is made from, and the Go types that its handlers read and
// write.
package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Operation is one method on one path.
type Operation struct {
	ID      string // unique, lowerCamelCase: generators name functions by it
	Method  string
	Path    string // with {names}, as in gorilla/mux
	Summary string
	Query   []Parameter
	Headers []Parameter // of the request
	Accepts []Content   // bodies, by media type
	Returns Content     // none: the response has no body
	// AlsoReturns are other media types of the response.
	AlsoReturns []Content
	Status      int // of success
	// Created is true if 201 is another status of success, with the same content.
	Created bool
	// HasETag is true if the response has an ETag. A GET then has the status 304, too.
	HasETag bool
	Errors  []int // statuses of errors
	Public  bool  // requires no credentials
}

// Parameter is in the query or a header. Its schema is a string by default.
type Parameter struct {
	Name, Doc  string
	Required   bool
	AllowEmpty bool // the empty value has a meaning
	Schema     map[string]any
}

// Content is a body: its media types and its schema, a Go value of its type, a Ref or a map
// that is a JSON Schema.
type Content struct {
	Types  []string
	Schema any
}

// Ref names one of the document's schemas.
type Ref string

// Schema returns the reference as a JSON Schema.
func (r Ref) Schema() map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + string(r)}
}

// Boolean is true or false.
func Boolean() map[string]any { return map[string]any{"type": "boolean"} }

// Integer is a whole number that is not less than minimum. A maximum of 0 is none.
func Integer(minimum, maximum int) map[string]any {
	schema := map[string]any{"type": "integer", "minimum": minimum}
	if maximum > 0 {
		schema["maximum"] = maximum
	}
	return schema
}

// Enum is one of the values.
func Enum(values ...string) map[string]any { return map[string]any{"type": "string", "enum": values} }

// API is what the document describes.
type API struct {
	Title, Version, Description string
	License                     string // SPDX identifier
	Operations                  []Operation
	Schemas                     map[string]any // by name, as in Content
	SecuritySchemes             map[string]any // by name
	Problem                     Content        // what every error is
}

// Document returns the document as JSON. It is the same for the same API.
func (a API) Document() ([]byte, error) {
	schemas := newSchemas()
	for name := range a.Schemas {
		schemas.components[name] = map[string]any{} // no other type takes the name
	}
	for _, name := range slices.Sorted(maps.Keys(a.Schemas)) {
		schemas.define(name, a.Schemas[name])
	}
	paths := map[string]any{}
	for _, operation := range a.Operations {
		path, ok := paths[operation.Path].(map[string]any)
		if !ok {
			path = map[string]any{}
			paths[operation.Path] = path
		}
		path[strings.ToLower(operation.Method)] = a.operation(operation, schemas)
	}
	security := make([]any, 0, len(a.SecuritySchemes))
	for _, name := range slices.Sorted(maps.Keys(a.SecuritySchemes)) {
		security = append(security, map[string]any{name: []string{}})
	}
	text, err := json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": a.Title, "version": a.Version, "description": a.Description,
			"license": map[string]any{"name": a.License, "identifier": a.License},
		},
		"servers": []any{map[string]any{"url": "/"}},
		"paths":   paths,
		"components": map[string]any{
			"schemas": schemas.components, "securitySchemes": a.SecuritySchemes, "responses": a.errors(schemas), "headers": headers(),
		},
		"security": security,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return text, nil
}

// headers returns the response headers that several operations have.
func headers() map[string]any {
	header := func(doc string, schema map[string]any) map[string]any {
		return map[string]any{"description": doc, "schema": schema}
	}
	text := map[string]any{"type": "string"}
	return map[string]any{
		"RequestId":  header("finds the request in the server's log", text),
		"ETag":       header("for If-Match and If-None-Match", text),
		"Location":   header("path of the new object", text),
		"RetryAfter": header("seconds until the request can succeed", Integer(0, 0)),
		"Warning":    header("110: the response is stale; 199: it is incomplete; 299: a warning of Kubernetes about a write", text),
		"Age":        header("age of a stale response in seconds", Integer(0, 0)),
	}
}

func headerRefs(names ...string) map[string]any {
	refs := map[string]any{}
	for _, name := range append(names, "X-Request-Id") {
		refs[name] = map[string]any{"$ref": "#/components/headers/" + strings.ReplaceAll(strings.TrimPrefix(name, "X-"), "-", "")}
	}
	return refs
}

// errors returns a response for each status of an error, which operations refer to.
func (a API) errors(schemas *schemas) map[string]any {
	responses := map[string]any{"Error": map[string]any{
		"description": "an error", "headers": headerRefs(), "content": schemas.contents(a.Problem),
	}}
	for _, operation := range a.Operations {
		for _, status := range operation.Errors {
			names := []string{}
			if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
				names = append(names, "Retry-After")
			}
			responses[responseName(status)] = map[string]any{
				"description": http.StatusText(status), "headers": headerRefs(names...), "content": schemas.contents(a.Problem),
			}
		}
	}
	return responses
}

// responseName returns a status in words: BadRequest.
func responseName(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

func (a API) operation(o Operation, schemas *schemas) map[string]any {
	responses := map[string]any{
		strconv.Itoa(o.Status): success(o, o.Status, schemas),
		"default":              map[string]any{"$ref": "#/components/responses/Error"},
	}
	if o.Created {
		responses["201"] = success(o, http.StatusCreated, schemas)
	}
	if o.HasETag && o.Method == http.MethodGet {
		responses["304"] = map[string]any{"description": "the client has this version already", "headers": headerRefs("ETag")}
	}
	for _, status := range o.Errors {
		responses[strconv.Itoa(status)] = map[string]any{"$ref": "#/components/responses/" + responseName(status)}
	}
	described := map[string]any{"summary": o.Summary, "operationId": o.ID, "responses": responses}
	if parameters := parametersOf(o); len(parameters) > 0 {
		described["parameters"] = parameters
	}
	if len(o.Accepts) > 0 {
		described["requestBody"] = map[string]any{"required": true, "content": schemas.contents(o.Accepts...)}
	}
	if o.Public {
		described["security"] = []any{}
	}
	return described
}

func success(o Operation, status int, schemas *schemas) map[string]any {
	names := []string{}
	if o.HasETag {
		names = append(names, "ETag")
	}
	if o.Method == http.MethodPost && status == http.StatusCreated {
		names = append(names, "Location")
	}
	if !o.Public {
		names = append(names, "Warning")
	}
	if o.Method == http.MethodGet && !o.Public {
		names = append(names, "Age")
	}
	response := map[string]any{"description": o.Summary, "headers": headerRefs(names...)}
	if len(o.Returns.Types) > 0 {
		response["content"] = schemas.contents(append([]Content{o.Returns}, o.AlsoReturns...)...)
	}
	return response
}

func parametersOf(o Operation) []any {
	names := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(o.Path, -1)
	parameters := make([]any, 0, len(names)+len(o.Query)+len(o.Headers))
	for _, name := range names {
		doc := "name of the object"
		if name[1] != "name" {
			doc = "name of the " + name[1]
		}
		parameters = append(parameters, parameter("path", Parameter{Name: name[1], Doc: doc, Required: true}))
	}
	for _, query := range o.Query {
		parameters = append(parameters, parameter("query", query))
	}
	for _, header := range o.Headers {
		parameters = append(parameters, parameter("header", header))
	}
	return parameters
}

func parameter(in string, p Parameter) map[string]any {
	described := map[string]any{"in": in, "name": p.Name, "required": p.Required, "description": p.Doc}
	described["schema"] = p.Schema
	if p.Schema == nil {
		described["schema"] = map[string]any{"type": "string"}
	}
	if p.AllowEmpty {
		described["allowEmptyValue"] = true
	}
	return described
}
