#!/usr/bin/env bash
# sigs.k8s.io/kustomize/kustomize/v5 v5.7.1: a manifest has other values through kustomize than through kubectl apply -f.
#
# Expected: kubectl apply -k of a kustomization that only lists a file applies what kubectl apply -f of the file does.
# Observed: kustomize reads the file by another parser. `on` and `yes` are texts, which -f (sigs.k8s.io/yaml) takes for true: a custom resource with
# `enabled: on` is valid by -f and rejected by -k. A date without quotes, as in an annotation, becomes a time at midnight,
# which -f leaves as it is: the two overwrite each other's value.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

tool sigs.k8s.io/kustomize/kustomize/v5

require (
	sigs.k8s.io/kustomize/kustomize/v5 v5.7.1
	sigs.k8s.io/yaml v1.6.0
)
MOD
mkdir k
echo 'resources: [object.yaml]' > k/kustomization.yaml
cat > k/object.yaml <<'YAML'
apiVersion: example.com/v1
kind: Server
metadata: {name: a}
spec: {enabled: on, verified: yes, reviewed: 2026-01-31}
YAML
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		var object struct {
			Spec map[string]any `json:"spec"`
		}
		if err := yaml.Unmarshal(text, &object); err != nil {
			panic(err)
		}
		for _, key := range []string{"enabled", "verified", "reviewed"} {
			fmt.Printf("%s: %s is %#v\n", file, key, object.Spec[key])
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go tool kustomize build k > built.yaml
go run . k/object.yaml built.yaml > output
cat output
diff - output <<'OUT'
k/object.yaml: enabled is true
k/object.yaml: verified is true
k/object.yaml: reviewed is "2026-01-31"
built.yaml: enabled is "on"
built.yaml: verified is "yes"
built.yaml: reviewed is "2026-01-31T00:00:00Z"
OUT
echo 'as described'
