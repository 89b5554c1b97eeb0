#!/usr/bin/env bash
# cuelang.org/go v0.17.1: an `if` whose condition is false costs memory for each field in it.
#
# Expected: a comprehension whose condition is false is not evaluated, so that its size does not
# matter.
# Observed: each regular field below it is prepared all the same, at several kilobytes a field with a
# small struct: a value that is filled and evaluated a hundred times a second pays for all that is
# switched off. The same fields within `{...} & {}`, of a field that is declared outside, cost little.
#
# The program compares the bytes allocated for one evaluation with those of the value without the `if`.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require cuelang.org/go v0.17.1
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

// allocated returns the bytes of one evaluation in which on is false.
func allocated(source string) float64 {
	value := cuecontext.New().CompileString("on: bool\nout: on\n" + source)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			filled := value.FillPath(cue.ParsePath("on"), false)
			if err := filled.LookupPath(cue.ParsePath("out")).Validate(cue.Concrete(true)); err != nil {
				panic(err)
			}
		}
	})
	return float64(result.AllocedBytesPerOp())
}

func main() {
	var fields strings.Builder
	for i := range 30 {
		fmt.Fprintf(&fields, "f%d: {a: %d, b: %d}\n", i, i, i)
	}
	without := allocated("")
	direct := allocated("if on {part: {" + fields.String() + "}}") / without
	open := allocated("part: _\nif on {part: {...} & {"+fields.String()+"}}") / without
	fmt.Printf("direct: more than 5 times as much: %t\n", direct > 5)
	fmt.Printf("within {...} & {}: less than 1.2 times as much: %t\n", open < 1.2)
}
GO
go mod tidy > /dev/null 2>&1
go run . | tee output
diff - output <<'OUT'
direct: more than 5 times as much: true
within {...} & {}: less than 1.2 times as much: true
OUT
