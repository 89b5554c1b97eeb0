#!/usr/bin/env bash
# cuelang.org/go v0.17.1: the OpenAPI of "small" | string rejects "small".
#
# Expected: a disjunction of CUE becomes anyOf, as in the JSON Schema that the same version writes: a value may match several
# alternatives.
# Observed: encoding/openapi writes oneOf, so that a value that matches two alternatives is rejected, such as one of the names that a schema proposes
# beside `string`, and an object that has the fields of both alternatives.
# The validator of CRDs of Kubernetes rejects what CUE accepts.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	cuelang.org/go v0.17.1
	k8s.io/apiextensions-apiserver v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/openapi"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
)

// schemaOf returns the OpenAPI that CUE writes for the definition #Spec of value, and a validator of Kubernetes for it.
func schemaOf(value cue.Value) (string, validation.SchemaValidator) {
	content, err := openapi.Gen(value, &openapi.Config{Info: map[string]any{"title": "finding", "version": "v1"}})
	if err != nil {
		panic(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]v1.JSONSchemaProps
		}
	}
	if err := json.Unmarshal(content, &document); err != nil {
		panic(err)
	}
	schema := document.Components.Schemas["Spec"]
	var internal apiextensions.JSONSchemaProps
	if err := v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&schema, &internal, nil); err != nil {
		panic(err)
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		panic(err)
	}
	field, err := json.Marshal(schema.Properties["field"])
	if err != nil {
		panic(err)
	}
	return string(field), validator
}

func main() {
	context := cuecontext.New()
	for _, each := range []struct {
		text   string
		values []string
	}{
		{`"small" | string`, []string{`"small"`, `"other"`}},
		{`{host!: string, ...} | {port!: int, ...}`, []string{`{"host":"a","port":80}`}},
	} {
		value := context.CompileString("#Spec: field?: " + each.text)
		text, validator := schemaOf(value)
		fmt.Printf("%s\n  OpenAPI: %s\n", each.text, text)
		for _, content := range each.values {
			content := `{"field":` + content + `}`
			accepted := value.LookupPath(cue.ParsePath("#Spec")).Unify(context.CompileString(content)).Validate(cue.Concrete(true)) == nil
			var object any
			if err := json.Unmarshal([]byte(content), &object); err != nil {
				panic(err)
			}
			fmt.Printf("  %s: CUE accepts %t, Kubernetes %t\n", content, accepted, len(validation.ValidateCustomResource(nil, object, validator)) == 0)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
"small" | string
  OpenAPI: {"type":"string","oneOf":[{"enum":["small"]},{}]}
  {"field":"small"}: CUE accepts true, Kubernetes false
  {"field":"other"}: CUE accepts true, Kubernetes true
{host!: string, ...} | {port!: int, ...}
  OpenAPI: {"type":"object","oneOf":[{"required":["host"],"properties":{"host":{"type":"string"}}},{"required":["port"],"properties":{"port":{"type":"integer"}}}]}
  {"field":{"host":"a","port":80}}: CUE accepts true, Kubernetes false
OUT
echo 'as described'
