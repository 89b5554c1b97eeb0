#!/usr/bin/env bash
# cuelang.org/go v0.17.1: Context.Encode makes a string of a json.Number, which is a number that was decoded with UseNumber.
#
# Expected: Encode follows encoding/json, whose tags and Marshalers it takes: json.Marshal writes a json.Number as a number.
# Observed: it is a string, because its Go type is one. JSON that was decoded with Decoder.UseNumber, as programs do to keep the digits
# of large integers, is encoded without an error, and conflicts with each constraint of a number. Without UseNumber, each
# integer is a float of CUE, also where it is written as 8. Only CUE's own decoding of the text keeps both the kind and the digits.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

func main() {
	const text = `{"replicas":8,"seed":9007199254740993}`
	context := cuecontext.New()
	decode := func(number bool) any {
		decoder := json.NewDecoder(strings.NewReader(text))
		if number {
			decoder.UseNumber()
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			panic(err)
		}
		return value
	}
	contract := context.CompileString(`{replicas: int, seed: int}`)
	for _, each := range []struct {
		name  string
		value cue.Value
		goes  any
	}{
		{"as json.Number", context.Encode(decode(true)), decode(true)},
		{"as float64", context.Encode(decode(false)), decode(false)},
		{"as text", context.CompileString(text), json.RawMessage(text)},
	} {
		encoded, err := json.Marshal(each.goes)
		if err != nil {
			panic(err)
		}
		byCUE, err := each.value.MarshalJSON()
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n  encoding/json: %s\n  cue: %s, satisfies int: %t\n", each.name, encoded, byCUE, contract.Unify(each.value).Validate() == nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
as json.Number
  encoding/json: {"replicas":8,"seed":9007199254740993}
  cue: {"replicas":"8","seed":"9007199254740993"}, satisfies int: false
as float64
  encoding/json: {"replicas":8,"seed":9007199254740992}
  cue: {"replicas":8,"seed":9007199254740992}, satisfies int: false
as text
  encoding/json: {"replicas":8,"seed":9007199254740993}
  cue: {"replicas":8,"seed":9007199254740993}, satisfies int: true
OUT
echo 'as described'
