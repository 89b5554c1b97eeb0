#!/usr/bin/env bash
# cuelang.org/go v0.17.1: the JSON Schema of an open struct, {...}, accepts the empty object only.
#
# Expected: {...} has any fields: {"type": "object"}, as the OpenAPI of the same CUE has it. {[string]: _} means the same and is written so.
# Observed: encoding/jsonschema takes a struct without fields for a value that is known, and writes {"const": {}}, also where the
# struct is open. A required field with such a struct counts as known, too: a definition with nothing else is one constant. An editor or a validator
# with this schema rejects what CUE accepts. One optional field in the struct, or `_ & {...}`, avoids it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/jsonschema"
)

func main() {
	context := cuecontext.New()
	data := context.CompileString(`{labels: app: "a"}`)
	for _, text := range []string{
		`{labels?: {...}}`, `{labels!: {...}}`, `{labels?: null | {...}}`,
		`{labels?: {[string]: _}}`, `{labels?: _ & {...}}`, `{labels?: {app?: string, ...}}`,
	} {
		definition := context.CompileString("#Metadata: " + text).LookupPath(cue.ParsePath("#Metadata"))
		if err := definition.Unify(data).Validate(cue.Concrete(true)); err != nil {
			panic(err)
		}
		schema, err := jsonschema.Generate(definition, nil)
		if err != nil {
			panic(err)
		}
		value := context.BuildExpr(schema)
		if field := value.LookupPath(cue.ParsePath("properties.labels")); field.Exists() {
			fmt.Printf("%s: labels is %v\n", text, field)
			continue
		}
		fmt.Printf("%s: all is {const: %v}\n", text, value.LookupPath(cue.ParsePath("const")))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . | tr -s '\t\n ' ' ' | sed 's/ {labels\([?!]\)/\n{labels\1/g; s/ $/\n/' > output
cat output
diff - output <<'OUT'
{labels?: {...}}: labels is { const: {} }
{labels!: {...}}: all is {const: { labels: {} }}
{labels?: null | {...}}: labels is { anyOf: [{ type: "null" }, { const: {} }] }
{labels?: {[string]: _}}: labels is { type: "object" additionalProperties: true }
{labels?: _ & {...}}: labels is { type: "object" additionalProperties: true }
{labels?: {app?: string, ...}}: labels is { type: "object" additionalProperties: true properties: { app: { type: "string" } } }
OUT
echo 'as described'
