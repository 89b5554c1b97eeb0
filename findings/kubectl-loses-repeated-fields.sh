#!/usr/bin/env bash
# k8s.io/cli-runtime v0.37.2: a field that a YAML file has twice is no error for kubectl, whatever --validate says.
#
# Expected: --validate=strict, the default of kubectl apply, has the API server reject unknown and duplicate fields, as Kubernetes' documentation of
# its field validation says: a manifest with two lists env fails.
# Observed: kubectl converts YAML to JSON before it sends it, and keeps the last of two fields. The API server gets one field, and validates that.
# The same text, sent as YAML, is rejected. A merge of two branches that leaves two lists of variables behind is applied with half
# of them.
#
# The program reads a manifest as kubectl apply does, and decodes the same manifest, and what kubectl sends of it, as the API server does in strict
# validation.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/cli-runtime v0.37.2\n\tk8s.io/client-go v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/kubernetes/scheme"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// validate decodes a request's body as the API server does with fieldValidation=Strict.
func validate(title string, body []byte, isYAML bool) {
	options := json.SerializerOptions{Yaml: isYAML, Strict: true}
	object, _, err := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, options).Decode(body, nil, nil)
	if err != nil && !runtime.IsStrictDecodingError(err) {
		panic(err)
	}
	var names []string
	for _, variable := range object.(*corev1.Pod).Spec.Containers[0].Env {
		names = append(names, variable.Name)
	}
	fmt.Printf("%s: env %v, error: %v\n", title, names, err)
}

func main() {
	manifest := must(os.ReadFile("pod.yaml"))
	infos := must(resource.NewLocalBuilder().Unstructured().Stream(strings.NewReader(string(manifest)), "pod.yaml").Do().Infos())
	sent := must(runtime.Encode(json.NewSerializerWithOptions(json.DefaultMetaFactory, nil, nil, json.SerializerOptions{}), infos[0].Object))
	validate("the file", manifest, true)
	validate("what kubectl sends", sent, false)
}
GO
cat > pod.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: server
    env:
    - {name: MODEL, value: llama-8b}
    env:
    - {name: LOG_LEVEL, value: debug}
YAML
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
the file: env [LOG_LEVEL], error: strict decoding error: yaml: unmarshal errors:
  line 11: key "env" already set in map
what kubectl sends: env [LOG_LEVEL], error: <nil>
OUT
echo 'as described'
