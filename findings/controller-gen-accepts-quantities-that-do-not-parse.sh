#!/usr/bin/env bash
# sigs.k8s.io/controller-tools v0.23.0: the pattern that controller-gen writes for a resource.Quantity accepts "1e1.5", which no client can decode.
#
# Expected: a field of the type resource.Quantity takes what that type parses, so that a controller can read what the API server stored.
# Observed: the exponent of the pattern may have a fraction, as the comment of the type says. ParseQuantity takes whole exponents only. One stored
# object with such a limit makes a typed client fail to decode the whole list: the informer of that kind lists again and again and sees no change of any
# object, in any namespace.
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
	sigs.k8s.io/controller-tools v0.23.0
)
MOD
cat > tools.go <<'GO'
//go:build tools

package main

import _ "sigs.k8s.io/controller-tools/cmd/controller-gen"
GO
mkdir v1
cat > v1/types.go <<'GO'
// +groupName=example.com
package v1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +kubebuilder:object:root=true
type Server struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Memory            resource.Quantity `json:"memory"`
}

type ServerList struct {
	Items []Server `json:"items"`
}
GO
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"finding/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile("crd/example.com_servers.yaml")
	if err != nil {
		panic(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		panic(err)
	}
	var schema apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &schema, nil); err != nil {
		panic(err)
	}
	validator, _, err := validation.NewSchemaValidator(&schema)
	if err != nil {
		panic(err)
	}
	list := v1.ServerList{}
	for _, memory := range []string{"16Gi", "1e3", "1e1.5", "16GB"} {
		object := map[string]any{"metadata": map[string]any{"name": "a"}, "memory": memory}
		errs := validation.ValidateCustomResource(nil, object, validator)
		answer, err := json.Marshal(map[string]any{"items": []any{map[string]any{"memory": "1Gi"}, object}})
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: the CRD accepts it %t, a list with it is decoded %t\n", memory, len(errs) == 0, json.Unmarshal(answer, &list) == nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run sigs.k8s.io/controller-tools/cmd/controller-gen crd paths=./v1 output:crd:dir=crd
go run . > output
cat output
diff - output <<'OUT'
16Gi: the CRD accepts it true, a list with it is decoded true
1e3: the CRD accepts it true, a list with it is decoded true
1e1.5: the CRD accepts it true, a list with it is decoded false
16GB: the CRD accepts it false, a list with it is decoded false
OUT
echo 'as described'
