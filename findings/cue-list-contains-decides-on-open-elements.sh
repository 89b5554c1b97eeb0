#!/usr/bin/env bash
# cuelang.org/go v0.17.1: list.Contains decides on elements that have no value yet.
#
# Expected: a function of a value that is not concrete is incomplete until it is, as strings.Contains, ==, and a
# comparison in a comprehension are. What is concrete then holds for every value that may still come.
# Observed: list.Contains compares elements that are not concrete, finds them different, and returns a concrete false, which
# is exported without an error. With the value filled in, the same field is true. If the sought value is the one
# that is not concrete, it is incomplete.
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
import (
	"list"
	"strings"
)

name:    string
element: list.Contains([name], "blue")
text:    list.Contains(["\(name)"], "blue")
sought:  list.Contains(["blue"], name)
string_: strings.Contains(name, "blue")
equal:   name == "blue"
loop:    len([for each in [name] if each == "blue" {each}]) > 0
`)
	if root.Err() != nil {
		panic(root.Err())
	}
	filled := root.FillPath(cue.ParsePath("name"), "blue")
	for _, field := range []string{"element", "text", "sought", "string_", "equal", "loop"} {
		fmt.Printf("%-8s open: %-10s blue: %s\n", field, of(root, field), of(filled, field))
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
element  open: false      blue: true
text     open: false      blue: true
sought   open: incomplete blue: true
string_  open: incomplete blue: true
equal    open: incomplete blue: true
loop     open: incomplete blue: true
OUT
echo 'as described'
