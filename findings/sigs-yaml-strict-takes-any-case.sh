#!/usr/bin/env bash
# sigs.k8s.io/yaml v1.6.0 and sigs.k8s.io/json: strict decoding disagrees on the case of fields.
#
# Expected: UnmarshalStrict of sigs.k8s.io/yaml rejects a field that no JSON tag names, as the
# strict decoding of Kubernetes' API server (sigs.k8s.io/json) does.
# Observed: it takes the field in any case, and two spellings side by side: `Replicas` beside
# `replicas` is no error. A typing error in a file that the API server would reject passes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	sigs.k8s.io/json v0.0.0-20250730193827-2d320260d730
	sigs.k8s.io/yaml v1.6.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

type spec struct {
	Replicas int `json:"replicas"`
}

func main() {
	for _, text := range []string{`{"Replicas": 2}`, `{"replicas": 1, "Replicas": 2}`, `{"replica": 1}`} {
		var fromYAML, fromJSON spec
		yamlErr := yaml.UnmarshalStrict([]byte(text), &fromYAML)
		strict, err := json.UnmarshalStrict([]byte(text), &fromJSON)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: yaml rejects %t, json rejects %t\n", text, yamlErr != nil, len(strict) > 0)
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
{"Replicas": 2}: yaml rejects false, json rejects true
{"replicas": 1, "Replicas": 2}: yaml rejects false, json rejects true
{"replica": 1}: yaml rejects true, json rejects true
OUT
echo 'as described'
