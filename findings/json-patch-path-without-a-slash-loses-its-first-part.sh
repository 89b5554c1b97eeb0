#!/usr/bin/env bash
# sigs.k8s.io/kustomize/api v0.21.1 and gopkg.in/evanphx/json-patch.v4 v4.13.0: the path spec/replicas of a JSON patch is the field replicas of the object.
#
# Expected: a path without a slash at its start is no JSON Pointer, so that the patch is rejected, or it is taken as from the root, as /spec/replicas.
# Observed: what is before the first slash is dropped. `metadata/annotations` sets the top-level field annotations, and `replace` takes that as well,
# although it must fail where nothing is to be replaced. kustomize reports nothing. The API server and kubectl patch use the same library.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tgopkg.in/evanphx/json-patch.v4 v4.13.0\n\tsigs.k8s.io/kustomize/api v0.21.1\n\tsigs.k8s.io/kustomize/kyaml v0.21.1\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func build(patch string) string {
	files := filesys.MakeFsInMemory()
	for name, content := range map[string]string{
		"deployment.yaml":    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: 3}}",
		"kustomization.yaml": "resources: [deployment.yaml]\npatches: [{target: {kind: Deployment}, patch: '[" + patch + "]'}]",
	} {
		if err := files.WriteFile(name, []byte(content)); err != nil {
			panic(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
	if err != nil {
		return "error"
	}
	text, err := built.AsYaml()
	if err != nil {
		panic(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func main() {
	for _, patch := range []string{
		`{"op": "replace", "path": "/spec/replicas", "value": 5}`,
		`{"op": "replace", "path": "spec/replicas", "value": 5}`,
		`{"op": "add", "path": "metadata/annotations", "value": {"a": "b"}}`,
	} {
		fmt.Printf("%s\n  kustomize: %s\n", patch, build(patch))
		decoded, err := jsonpatch.DecodePatch([]byte("[" + patch + "]"))
		if err != nil {
			panic(err)
		}
		patched, err := decoded.Apply([]byte(`{"spec":{"replicas":3}}`))
		if err != nil {
			panic(err)
		}
		fmt.Printf("  library: %s\n", patched)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
{"op": "replace", "path": "/spec/replicas", "value": 5}
  kustomize: apiVersion: apps/v1 kind: Deployment metadata: name: a spec: replicas: 5
  library: {"spec":{"replicas":5}}
{"op": "replace", "path": "spec/replicas", "value": 5}
  kustomize: apiVersion: apps/v1 kind: Deployment metadata: name: a replicas: 5 spec: replicas: 3
  library: {"replicas":5,"spec":{"replicas":3}}
{"op": "add", "path": "metadata/annotations", "value": {"a": "b"}}
  kustomize: annotations: a: b apiVersion: apps/v1 kind: Deployment metadata: name: a spec: replicas: 3
  library: {"annotations":{"a":"b"},"spec":{"replicas":3}}
OUT
echo 'as described'
