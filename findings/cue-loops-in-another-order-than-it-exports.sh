#!/usr/bin/env bash
# cuelang.org/go v0.17.1: a loop over a struct has its fields in another order than the export of the same struct.
#
# Expected: the specification leaves the order open, but a struct has one: that of the source, for a loop, for cue export, json.Marshal
# and Value.Fields of Go. What a template lists by a loop could then be listed by the program in Go as well.
# Observed: the export has the fields that a struct gets from an if, a loop or an embedded struct before its own ones, wherever they are written. A
# loop has those of an if and of an embedded struct where they are written, and those of a loop at the end. A list of variables or
# arguments that moves from CUE to Go, or the reverse, gets another order, which restarts pods. Sorting the names makes both equal.
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
	for _, source := range []string{
		`{A: "1", B: "2", C: "3"}`,
		`{A: "1", if true {B: "2"}, C: "3"}`,
		`{A: "1", {B: "2"}, C: "3"}`,
		`{A: "1", for name in ["B"] {(name): "2"}, C: "3"}`,
	} {
		root := cuecontext.New().CompileString(`
import "encoding/json"

env:  ` + source + `
text: json.Marshal(env)
loop: [for name, _ in env {name}]
`)
		if err := root.Validate(cue.Concrete(true)); err != nil {
			panic(err)
		}
		text, _ := root.LookupPath(cue.ParsePath("text")).String()
		exported, _ := root.LookupPath(cue.ParsePath("env")).MarshalJSON()
		loop, _ := root.LookupPath(cue.ParsePath("loop")).MarshalJSON()
		fields, names := root.LookupPath(cue.ParsePath("env")), ""
		for each, _ := fields.Fields(); each.Next(); {
			names += each.Selector().String()
		}
		fmt.Printf("%s\n  loop: %s; Fields: %s; export: %s, as json.Marshal: %t\n", source, loop, names, exported, text == string(exported))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
{A: "1", B: "2", C: "3"}
  loop: ["A","B","C"]; Fields: ABC; export: {"A":"1","B":"2","C":"3"}, as json.Marshal: true
{A: "1", if true {B: "2"}, C: "3"}
  loop: ["A","B","C"]; Fields: BAC; export: {"B":"2","A":"1","C":"3"}, as json.Marshal: true
{A: "1", {B: "2"}, C: "3"}
  loop: ["A","B","C"]; Fields: BAC; export: {"B":"2","A":"1","C":"3"}, as json.Marshal: true
{A: "1", for name in ["B"] {(name): "2"}, C: "3"}
  loop: ["A","C","B"]; Fields: BAC; export: {"B":"2","A":"1","C":"3"}, as json.Marshal: true
OUT
echo 'as described'
