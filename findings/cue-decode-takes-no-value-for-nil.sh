#!/usr/bin/env bash
# cuelang.org/go v0.17.1: Value.Decode into a map makes nil of what has no value yet, without an error.
#
# Expected: Decode fails where MarshalJSON fails: for a field that is required and missing, or that is a type and not a value. Decode into a
# struct does.
# Observed: into a map, or an interface, both are nil and there is no error. A template with a hole is applied as null, for which a server
# takes its default or removes the field. A program must validate with cue.Concrete first, or decode the JSON.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	"cuelang.org/go/cue/cuecontext"
)

func main() {
	for _, text := range []string{`{image: "a:1"}`, `{image: string}`, `{image!: string}`} {
		value := cuecontext.New().CompileString(text)
		content := map[string]any{}
		var typed struct {
			Image string `json:"image"`
		}
		_, marshalled := value.MarshalJSON()
		decoded, asStruct := value.Decode(&content), value.Decode(&typed)
		fmt.Printf("%s: MarshalJSON fails %t, Decode into a struct fails %t, into a map %t: %v\n", text, marshalled != nil, asStruct != nil, decoded != nil, content)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
{image: "a:1"}: MarshalJSON fails false, Decode into a struct fails false, into a map false: map[image:a:1]
{image: string}: MarshalJSON fails true, Decode into a struct fails true, into a map false: map[image:<nil>]
{image!: string}: MarshalJSON fails true, Decode into a struct fails true, into a map false: map[image:<nil>]
OUT
echo 'as described'
