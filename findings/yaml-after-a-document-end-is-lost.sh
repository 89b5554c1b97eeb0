#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: what follows the end marker `...` of a YAML document is dropped without an error.
#
# Expected: a stream of documents that end with `...`, as YAML's specification allows, has all of them, or is rejected, as it is by
# go.yaml.in/yaml/v3.
# Observed: the decoder of kubectl apply and of controllers divides the text at `---` itself, and its parser stops at `...`: the next
# document, up to the next `---`, is not read, and nothing reports it. Two objects are in the file, one is applied.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	go.yaml.in/yaml/v3 v3.0.4
	k8s.io/apimachinery v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type decoder interface{ Decode(into any) error }

func names(d decoder) ([]any, error) {
	found := []any{}
	for {
		var object map[string]any
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		found = append(found, object["name"])
	}
}

func main() {
	for _, separator := range []string{"---\n", "...\n---\n", "...\n"} {
		text := "name: a\n" + separator + "name: b\n"
		kubernetes, err := names(yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 1024))
		other, otherErr := names(yaml3.NewDecoder(strings.NewReader(text)))
		fmt.Printf("%q: Kubernetes reads %v, error %t; go.yaml.in/yaml/v3 reads %v, error %t\n", text, kubernetes, err != nil, other, otherErr != nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
"name: a\n---\nname: b\n": Kubernetes reads [a b], error false; go.yaml.in/yaml/v3 reads [a b], error false
"name: a\n...\n---\nname: b\n": Kubernetes reads [a b], error false; go.yaml.in/yaml/v3 reads [a b], error false
"name: a\n...\nname: b\n": Kubernetes reads [a], error false; go.yaml.in/yaml/v3 reads [a], error true
OUT
echo 'as described'
