#!/usr/bin/env bash
# cuelang.org/go v0.17.1: Context.Encode leaves out fields of a struct that are nil or an empty struct, with tags that keep them.
#
# Expected: a field without omitempty is encoded: its documentation says that a nil slice or pointer encodes as null, and that omitempty is the
# reason to leave one out, for anything but a struct.
# Observed: a slice that is nil is [] as a value of its own and in a map, and a field that is nil is missing, whatever its tag says. So is an
# empty struct with omitempty. omitzero, the tag for that, has no effect. A Deployment without containers has `containers: null` and
# `strategy: {}` in JSON, and neither in CUE: a constraint on null, or a required field, gives another result.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	cuelang.org/go v0.17.1
	k8s.io/api v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue/cuecontext"
	appsv1 "k8s.io/api/apps/v1"
)

type inner struct {
	Name string `json:"name,omitempty"`
}

func main() {
	context := cuecontext.New()
	for _, each := range []struct {
		name  string
		value any
	}{
		{"a slice that is nil", []string(nil)},
		{"in a map", map[string]any{"field": []string(nil)}},
		{"in a struct", struct {
			Field []string `json:"field"`
		}{}},
		{"a pointer in a struct", struct {
			Field *string `json:"field"`
		}{}},
		{"a struct with omitempty", struct {
			Field inner `json:"field,omitempty"`
		}{}},
		{"a number with omitzero", struct {
			Field int `json:"field,omitzero"`
		}{}},
		{"a DeploymentSpec", appsv1.DeploymentSpec{}},
	} {
		encoded, err := json.Marshal(each.value)
		if err != nil {
			panic(err)
		}
		byCUE, err := context.Encode(each.value).MarshalJSON()
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n  encoding/json: %s\n  cue:           %s\n", each.name, encoded, byCUE)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
a slice that is nil
  encoding/json: null
  cue:           []
in a map
  encoding/json: {"field":null}
  cue:           {"field":[]}
in a struct
  encoding/json: {"field":null}
  cue:           {}
a pointer in a struct
  encoding/json: {"field":null}
  cue:           {}
a struct with omitempty
  encoding/json: {"field":{}}
  cue:           {}
a number with omitzero
  encoding/json: {}
  cue:           {"field":0}
a DeploymentSpec
  encoding/json: {"selector":null,"template":{"metadata":{},"spec":{"containers":null}},"strategy":{}}
  cue:           {"template":{}}
OUT
echo 'as described'
