// Package openapi describes an HTTP API as a document of OpenAPI 3.1: from the table of
// operations that its router is made from, and the Go types that its handlers read and
// write.
package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Operation is one method on one path.
type Operation struct {
	Method  string
	Path    string // with {names}, as gorilla/mux has them
	Summary string
	Query   []Parameter
	Headers []Parameter
	Accepts Content // none: the operation takes no body
	Answers Content // none: it answers without one
	Status  int     // of success
}

// Parameter is of the query or a header.
type Parameter struct {
	Name, Doc  string
	Required   bool
	AllowEmpty bool // the empty value has a meaning
}

// Content is a body: its media types and its schema, a Go value of its type or a Ref.
type Content struct {
	Types  []string
	Schema any
}

// Ref names one of the document's schemas.
type Ref string

// API is what the document describes.
type API struct {
	Title, Version, Description string
	Operations                  []Operation
	Schemas                     map[string]any // by name: a Go value of the type, or a map that is a JSON Schema
	Problem                     Content        // what every error is
}

// Document returns the document as JSON. It is the same for the same API.
func (a API) Document() ([]byte, error) {
	schemas := map[string]any{}
	for name, schema := range a.Schemas {
		schemas[name] = schemaFor(schema)
	}
	document := map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": a.Title, "version": a.Version, "description": a.Description},
		"paths":   a.paths(),
		"components": map[string]any{
			"schemas":         schemas,
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}},
		},
		"security": []any{map[string]any{"bearer": []string{}}},
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return text, nil
}

func (a API) paths() map[string]any {
	paths := map[string]map[string]any{}
	for _, operation := range a.Operations {
		if paths[operation.Path] == nil {
			paths[operation.Path] = map[string]any{}
		}
		paths[operation.Path][strings.ToLower(operation.Method)] = a.operation(operation)
	}
	untyped := make(map[string]any, len(paths))
	for path, methods := range paths {
		untyped[path] = methods
	}
	return untyped
}

func (a API) operation(o Operation) map[string]any {
	success := map[string]any{"description": o.Summary}
	if content := contentOf(o.Answers); content != nil {
		success["content"] = content
	}
	described := map[string]any{
		"summary":     o.Summary,
		"operationId": operationID(o),
		"responses": map[string]any{
			strconv.Itoa(o.Status): success,
			"default":              map[string]any{"description": "an error", "content": contentOf(a.Problem)},
		},
	}
	if parameters := parametersOf(o); len(parameters) > 0 {
		described["parameters"] = parameters
	}
	if content := contentOf(o.Accepts); content != nil {
		described["requestBody"] = map[string]any{"required": true, "content": content}
	}
	return described
}

func operationID(o Operation) string {
	words := strings.FieldsFunc(o.Path, func(r rune) bool { return strings.ContainsRune("/{}-.", r) })
	return strings.ToLower(o.Method) + "-" + strings.Join(words, "-")
}

func parametersOf(o Operation) []any {
	names := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(o.Path, -1)
	parameters := make([]any, 0, len(names)+len(o.Query)+len(o.Headers))
	for _, name := range names {
		parameters = append(parameters, parameter("path", Parameter{Name: name[1], Required: true}))
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
	described := map[string]any{"in": in, "name": p.Name, "required": p.Required, "schema": map[string]any{"type": "string"}}
	if p.AllowEmpty {
		described["allowEmptyValue"] = true
	}
	if p.Doc != "" {
		described["description"] = p.Doc
	}
	return described
}

func contentOf(c Content) map[string]any {
	if len(c.Types) == 0 {
		return nil
	}
	content := map[string]any{}
	for _, media := range c.Types {
		content[media] = map[string]any{"schema": schemaFor(c.Schema)}
	}
	return content
}

func schemaFor(schema any) map[string]any {
	switch schema := schema.(type) {
	case nil:
		return map[string]any{}
	case Ref:
		return map[string]any{"$ref": "#/components/schemas/" + string(schema)}
	case map[string]any:
		return schema
	}
	return schemaOf(reflect.TypeOf(schema))
}
