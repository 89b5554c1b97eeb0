#!/usr/bin/env bash
# cuelang.org/go v0.17.1: the position of a value that a comprehension copies depends on how its source was written.
#
# Expected: for key, value in source {(key): value} keeps the position of each value for Eval().Pos(), whatever source is: a
# tool that shows where a value comes from gets the line on which it was written.
# Observed: it does if source is a plain struct. If source is a field of a definition that an instance fills, the position
# is that of the comprehension, although the field of the instance itself has the right one.
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

const source = `plain: port: 1
copied: {for key, value in plain {(key): value}}

#Copy: {
	own: {...}
	copied: {for key, value in own {(key): value}}
}
instance: #Copy & {
	own: port: 1
}
`

func main() {
	root := cuecontext.New().CompileString(source, cue.Filename("source.cue"))
	for _, path := range []string{"plain.port", "copied.port", "instance.own.port", "instance.copied.port"} {
		value := root.LookupPath(cue.ParsePath(path))
		fmt.Printf("%s: %v, line %d\n", path, value, value.Eval().Pos().Line())
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run -trimpath . > output
cat output
diff - output <<'OUT'
plain.port: 1, line 1
copied.port: 1, line 1
instance.own.port: 1, line 9
instance.copied.port: 1, line 6
OUT
echo 'as described'
