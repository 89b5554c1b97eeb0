#!/usr/bin/env bash
# k8s.io/apiserver v0.37.2: in CEL, quantity("1.5Gi").isInteger() is false, and asInteger() an error, although it equals 1610612736.
#
# Expected: a quantity of a whole number is an integer, in whatever form it is written: the documentation makes overflow and a loss of precision the
# only obstacles.
# Observed: the form decides. 1Gi is an integer, and 1.5Gi, 1.0, 1000m and a number of 19 digits are not, although each equals an integer
# by compareTo. A rule of a CRD that calls asInteger() rejects such values with a message about a conversion. Built-in types
# hide it in part: the API server writes 1.5Gi as 1536Mi there before a policy sees it, and leaves it in custom resources as it is.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/google/cel-go v0.29.2
	k8s.io/apiserver v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"k8s.io/apiserver/pkg/cel/library"
)

func main() {
	env, err := cel.NewEnv(library.Quantity())
	if err != nil {
		panic(err)
	}
	evaluate := func(expression string) string {
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			panic(issues.Err())
		}
		program, err := env.Program(ast)
		if err != nil {
			panic(err)
		}
		result, _, err := program.Eval(map[string]any{})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(result)
	}
	for _, each := range [][2]string{
		{"1Gi", "1073741824"}, {"1.5Gi", "1610612736"}, {"1.0", "1"}, {"1000m", "1"}, {"1000000000000000000", "1000000000000000000"},
	} {
		call := fmt.Sprintf("quantity(%q)", each[0])
		fmt.Printf("%s: equals %s %s, isInteger %s, asInteger %s\n", each[0], each[1],
			evaluate(fmt.Sprintf("%s.compareTo(quantity(%q)) == 0", call, each[1])), evaluate(call+".isInteger()"), evaluate(call+".asInteger()"))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
1Gi: equals 1073741824 true, isInteger true, asInteger 1073741824
1.5Gi: equals 1610612736 true, isInteger false, asInteger cannot convert value to integer
1.0: equals 1 true, isInteger false, asInteger cannot convert value to integer
1000m: equals 1 true, isInteger false, asInteger cannot convert value to integer
1000000000000000000: equals 1000000000000000000 true, isInteger false, asInteger cannot convert value to integer
OUT
echo 'as described'
