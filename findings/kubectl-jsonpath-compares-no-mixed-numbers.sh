#!/usr/bin/env bash
# k8s.io/client-go v0.37.2: a filter of kubectl's JSONPath fails on a field that has whole numbers and fractions.
#
# Expected: {.items[?(@.status.load>0.5)].name} selects the objects with a larger number, as JSON knows one kind of number only.
# Observed: 1 is decoded as an integer and 0.7 as a float, and the two do not compare: the filter ends with "incompatible types for comparison", and
# nothing is printed, as soon as one object has a number of the other kind than the filter's. It works until a load is
# exactly 1. A field that is to be filtered needs one kind, such as a percentage.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"bytes"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/jsonpath"
)

func main() {
	for _, loads := range [][2]string{{"0.7", "0.2"}, {"0.7", "1"}} {
		list := &unstructured.UnstructuredList{}
		text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "List", "items": [
			{"apiVersion": "example.com/v1", "kind": "Server", "name": "a", "load": %s},
			{"apiVersion": "example.com/v1", "kind": "Server", "name": "b", "load": %s}]}`, loads[0], loads[1])
		if err := list.UnmarshalJSON([]byte(text)); err != nil {
			panic(err)
		}
		for _, filter := range []string{"0.5", "0"} {
			path, result := jsonpath.New("path"), bytes.Buffer{}
			if err := path.Parse("{.items[?(@.load>" + filter + ")].name}"); err != nil {
				panic(err)
			}
			err := path.Execute(&result, list.UnstructuredContent())
			fmt.Printf("loads %v, above %s: %q, error: %v\n", loads, filter, result.String(), err)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
loads [0.7 0.2], above 0.5: "a", error: <nil>
loads [0.7 0.2], above 0: "", error: incompatible types for comparison
loads [0.7 1], above 0.5: "", error: incompatible types for comparison
loads [0.7 1], above 0: "", error: incompatible types for comparison
OUT
echo 'as described'
