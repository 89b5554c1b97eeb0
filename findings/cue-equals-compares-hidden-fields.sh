#!/usr/bin/env bash
# cuelang.org/go v0.17.1: Value.Equals compares hidden fields and definitions.
#
# Expected: Equals ignores what no export contains, as it ignores optional fields: its documentation excepts these
# alone, and Subsume with Final, which compares values as data, ignores hidden fields and definitions.
# Observed: two structs that export to the same JSON, and subsume each other as data, are not equal if one of them has
# a hidden field or a definition. A comparison of two evaluations by Equals reports a change of a helper field as a
# change of the data.
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
	context := cuecontext.New()
	plain := context.CompileString(`{name: "a"}`)
	for _, text := range []string{
		`{name: "a", optional?: int}`, `{name: "a", ...}`, `close({name: "a"})`, `{name: "a", _hidden: 1}`, `{name: "a", #Definition: {}}`,
	} {
		value := context.CompileString(text)
		json, err := value.MarshalJSON()
		if err != nil {
			panic(err)
		}
		subsumes := value.Subsume(plain, cue.Final()) == nil && plain.Subsume(value, cue.Final()) == nil
		fmt.Printf("%-30s exports %s, subsume each other %t, equal %t\n", text, json, subsumes, plain.Equals(value))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run -trimpath . > output
cat output
diff - output <<'OUT'
{name: "a", optional?: int}    exports {"name":"a"}, subsume each other true, equal true
{name: "a", ...}               exports {"name":"a"}, subsume each other true, equal true
close({name: "a"})             exports {"name":"a"}, subsume each other true, equal true
{name: "a", _hidden: 1}        exports {"name":"a"}, subsume each other true, equal false
{name: "a", #Definition: {}}   exports {"name":"a"}, subsume each other true, equal false
OUT
echo 'as described'
