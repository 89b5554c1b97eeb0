#!/usr/bin/env bash
# sigs.k8s.io/controller-tools v0.23.0: metadata embedded in a field loses its fields.
#
# Expected: the CRD of a type with a corev1.Volume keeps what the Go type holds, such as the labels of
# ephemeral.volumeClaimTemplate.metadata, which Kubernetes copies to the claim.
# Observed: controller-gen writes `metadata: {type: object}` without properties, for any embedded ObjectMeta.
# The API server prunes a user's labels there, without an error by default, and a validation by the CRD's
# schema calls them unknown. crd:generateEmbeddedObjectMeta=true writes them, together with name, namespace
# and finalizers, which a template of a claim cannot have.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

tool sigs.k8s.io/controller-tools/cmd/controller-gen

require (
	k8s.io/api v0.37.0
	k8s.io/apiextensions-apiserver v0.37.0
	k8s.io/apimachinery v0.37.0
	sigs.k8s.io/controller-tools v0.23.0
	sigs.k8s.io/yaml v1.6.0
)
MOD
mkdir v1
cat > v1/types.go <<'GO'
// +groupName=example.com
package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +kubebuilder:object:root=true
type Widget struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WidgetSpec `json:"spec"`
}

type WidgetSpec struct {
	Volumes []corev1.Volume `json:"volumes"`
}
GO
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"sigs.k8s.io/yaml"
)

const widget = `
apiVersion: example.com/v1
kind: Widget
metadata: {name: a, labels: {team: search}}
spec:
  volumes:
  - name: scratch
    ephemeral: {volumeClaimTemplate: {metadata: {labels: {team: search}}, spec: {storageClassName: fast}}}
`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// main prunes the widget as the API server does, by the CRD in its argument.
func main() {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(must(os.ReadFile(os.Args[1])), &crd); err != nil {
		panic(err)
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		panic(err)
	}
	schema := must(structuralschema.NewStructural(&internal))
	var object map[string]any
	if err := yaml.Unmarshal([]byte(widget), &object); err != nil {
		panic(err)
	}
	pruning.Prune(object, schema, true)
	volume := object["spec"].(map[string]any)["volumes"].([]any)[0].(map[string]any)
	claim := volume["ephemeral"].(map[string]any)["volumeClaimTemplate"].(map[string]any)
	fmt.Println("labels of the object:", object["metadata"].(map[string]any)["labels"])
	fmt.Println("metadata of the claim:", claim["metadata"])
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go tool controller-gen crd paths=./v1 output:crd:dir=default
go tool controller-gen crd:generateEmbeddedObjectMeta=true paths=./v1 output:crd:dir=embedded
for crd in default embedded; do
  echo "$crd:"
  go run . $crd/example.com_widgets.yaml
done > output
cat output
diff - output <<'OUT'
default:
labels of the object: map[team:search]
metadata of the claim: map[]
embedded:
labels of the object: map[team:search]
metadata of the claim: map[labels:map[team:search]]
OUT
echo 'as described'
