#!/usr/bin/env bash
# cuelang.org/go v0.17.1: `cue get go` makes a field of an embedded struct, which encoding/json inlines.
#
# Expected: the definition of a Go type accepts what encoding/json writes for it: the fields of an embedded struct without a name in its tag are
# those of the struct around it.
# Observed: only an embedded struct with the tag `json:",inline"`, whose option encoding/json does not know, is inlined. Without a tag, or with
# `json:""`, the definition requires a field of the struct's name, and rejects the JSON of the type. Kubernetes' types have `json:""`
# since v0.37: their definitions reject apiVersion and kind. Those of v0.34 are right.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module example.com/finding

go 1.26

tool cuelang.org/go/cmd/cue

require cuelang.org/go v0.17.1
MOD
mkdir cue.mod types
printf 'module: "example.com/finding"\nlanguage: version: "v0.17.0"\n' > cue.mod/module.cue
cat > types/types.go <<'GO'
package types

type Kind struct {
	Kind string `json:"kind"`
}

type Plain struct {
	Kind
	Size int `json:"size"`
}

type Empty struct {
	Kind `json:""`
	Size int `json:"size"`
}

type Inline struct {
	Kind `json:",inline"`
	Size int `json:"size"`
}
GO
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"os"

	"example.com/finding/types"
)

func main() {
	kind := types.Kind{Kind: "Server"}
	for name, object := range map[string]any{"Plain": types.Plain{Kind: kind}, "Empty": types.Empty{Kind: kind}, "Inline": types.Inline{Kind: kind}} {
		text, err := json.Marshal(object)
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(name+".json", text, 0o600); err != nil {
			panic(err)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
go tool cue get go ./types > get.log 2>&1 || { cat get.log; exit 1; }
definitions=$(find . -name 'types_go_gen.cue')
for type in Inline Plain Empty; do
  result=accepted
  go tool cue vet -c -d "#$type" "$definitions" "$type.json" > vet.log 2>&1 || result="rejected: $(head -1 vet.log)"
  echo "$type $(cat "$type.json") is $result"
done > output
cat output
diff - output <<'OUT'
Inline {"kind":"Server","size":0} is accepted
Plain {"kind":"Server","size":0} is rejected: kind: field not allowed:
Empty {"kind":"Server","size":0} is rejected: kind: field not allowed:
OUT
echo 'as described'
