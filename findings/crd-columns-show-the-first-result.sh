#!/usr/bin/env bash
# k8s.io/apiextensions-apiserver v0.37.2: a column of a CRD shows the first result of its JSONPath.
#
# Expected: an additionalPrinterColumn with .spec.devices[*].name lists all names, as kubectl get -o jsonpath and -o custom-columns do with the
# same path, or the CRD is rejected.
# Observed: the API server prints the first and drops the others without a sign of it: a server with four devices looks like one with a
# single device. A controller must write what a column shows into one field.
#
# The program converts an object by the API server's package.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/apiextensions-apiserver v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/jsonpath"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	const path = ".spec.devices[*].name"
	object := &unstructured.Unstructured{}
	must(0, object.UnmarshalJSON([]byte(`{
		"apiVersion": "example.com/v1", "kind": "Server", "metadata": {"name": "a"},
		"spec": {"devices": [{"name": "npu0"}, {"name": "npu1"}, {"name": "npu2"}, {"name": "npu3"}]}}`)))

	columns := must(tableconvertor.New([]apiextensions.CustomResourceColumnDefinition{{Name: "Devices", Type: "string", JSONPath: path}}))
	table := must(columns.ConvertToTable(context.Background(), object, nil))
	fmt.Println("the column of the CRD:", table.Rows[0].Cells[1])

	query := jsonpath.New("devices")
	must(0, query.Parse("{"+path+"}"))
	fmt.Print("kubectl's JSONPath: ")
	must(0, query.Execute(os.Stdout, object.Object))
	fmt.Println()
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
the column of the CRD: npu0
kubectl's JSONPath: npu0 npu1 npu2 npu3
OUT
echo 'as described'
