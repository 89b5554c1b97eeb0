#!/usr/bin/env bash
# cuelang.org/go v0.17.1: list.MaxItems and list.UniqueItems() are missing in the OpenAPI of a list, without an error.
#
# Expected: encoding/openapi writes maxItems, as it writes maxLength for strings.MaxRunes, and as the
# JSON Schema of the same CUE has it, or returns an error, as it does for other bounds that it does not support.
# Observed: a list with open end is evaluated to [], which is within the limit, so that the limit is lost. list.MinItems(1) is an error,
# because [] is too short: no schema is written, also for an optional field. list.UniqueItems has an effect without its parentheses only.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/jsonschema"
	"cuelang.org/go/encoding/openapi"
)

func main() {
	context := cuecontext.New()
	for _, text := range []string{
		"string & strings.MaxRunes(2)", "[...int] & list.MaxItems(2)", "[...int] & list.MinItems(1)",
		"[...int] & list.UniqueItems()", "[...int] & list.UniqueItems",
	} {
		value := context.CompileString("import (\n\"list\"\n\"strings\"\n)\n_used: [strings.MinRunes, list.Max]\n#Spec: field?: " + text)
		if err := value.Err(); err != nil {
			panic(err)
		}
		fmt.Println(text)
		schema, err := jsonschema.Generate(value.LookupPath(cue.ParsePath("#Spec")), nil)
		if err != nil {
			panic(err)
		}
		var fields map[string]any
		if err := context.BuildExpr(schema).LookupPath(cue.ParsePath("properties.field")).Decode(&fields); err != nil {
			panic(err)
		}
		fmt.Println("  JSON Schema:", encode(fields))
		content, err := openapi.Gen(value, &openapi.Config{Info: map[string]any{"title": "finding", "version": "v1"}})
		if err != nil {
			fmt.Println("  OpenAPI:", err)
			continue
		}
		var document struct {
			Components struct {
				Schemas map[string]struct{ Properties map[string]any }
			}
		}
		if err := json.Unmarshal(content, &document); err != nil {
			panic(err)
		}
		fmt.Println("  OpenAPI:", encode(document.Components.Schemas["Spec"].Properties["field"]))
	}
}

func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
string & strings.MaxRunes(2)
  JSON Schema: {"maxLength":2,"type":"string"}
  OpenAPI: {"maxLength":2,"type":"string"}
[...int] & list.MaxItems(2)
  JSON Schema: {"items":{"type":"integer"},"maxItems":2,"type":"array"}
  OpenAPI: {"items":{"type":"integer"},"type":"array"}
[...int] & list.MinItems(1)
  JSON Schema: {"items":{"type":"integer"},"minItems":1,"type":"array"}
  OpenAPI: openapi: #Spec.field: invalid value [] (does not satisfy list.MinItems(1)): len(list) < MinItems(1) (0 < 1)
[...int] & list.UniqueItems()
  JSON Schema: {"items":{"type":"integer"},"type":"array","uniqueItems":true}
  OpenAPI: {"items":{"type":"integer"},"type":"array"}
[...int] & list.UniqueItems
  JSON Schema: {"items":{"type":"integer"},"type":"array","uniqueItems":true}
  OpenAPI: {"allOf":[{"$ref":"#/components/schemas/UniqueItems"}],"items":{"type":"integer"},"type":"array"}
OUT
echo 'as described'
