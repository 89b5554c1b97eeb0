#!/usr/bin/env bash
# cuelang.org/go v0.17.1: a default is taken behind a let or in a list while the condition that replaces it is open.
#
# Expected: a struct with a condition that cannot be decided yet is incomplete, and so is a reference to each of its fields,
# also to one with a default, because the condition may give it another value. A reference to a field of a regular field
# behaves so.
# Observed: if the struct is bound by let, or an element of a list, a reference to the same field takes the default: it is exported
# without an error, and is another value once the condition is decided.
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
)

func main() {
	root := cuecontext.New().CompileString(`
stage: string
pool: {size: *1 | int, if stage == "production" {size: 3}}
field: pool.size
bound: {
	let own = {size: *1 | int, if stage == "production" {size: 3}}
	size: own.size
}
element: [{size: *1 | int, if stage == "production" {size: 3}}][0].size
`)
	if root.Err() != nil {
		panic(root.Err())
	}
	filled := root.FillPath(cue.ParsePath("stage"), "production")
	for _, field := range []string{"field", "bound.size", "element"} {
		fmt.Printf("%-10s open: %-10s production: %s\n", field, of(root, field), of(filled, field))
	}
}

func of(root cue.Value, field string) string {
	json, err := root.LookupPath(cue.ParsePath(field)).MarshalJSON()
	if err != nil {
		return "incomplete"
	}
	return string(json)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run -trimpath . > output
cat output
diff - output <<'OUT'
field      open: incomplete production: 3
bound.size open: 1          production: 3
element    open: 1          production: 3
OUT
echo 'as described'
