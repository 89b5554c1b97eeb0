#!/usr/bin/env bash
# istio.io/api v1.32.0 and sigs.k8s.io/gateway-api v1.6.3: the two kinds of route disagree on
# how a request is given no timeout.
#
# Expected: a duration of 0s means no timeout in both, and durations are Go's.
# Observed: a VirtualService refuses timeout: 0s (it has no timeout when the field is absent); an
# HTTPRoute needs timeouts.request: 0s, because absence leaves the implementation's default; and
# an HTTPRoute refuses fractions such as 3600.5s, which a VirtualService accepts.
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
	k8s.io/apiserver v0.37.2
	sigs.k8s.io/yaml v1.6.0
)
MOD
cat > main.go <<'GO'
// The program validates the object in a file as the API server does for a custom resource:
// it prunes unknown fields, adds defaults, then checks the schema and the CEL rules of the definition.
package main

import (
	"context"
	"fmt"
	"os"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var external v1.CustomResourceDefinition
	check(yaml.Unmarshal(text, &external))
	var crd apiextensions.CustomResourceDefinition
	check(v1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, &crd, nil))

	text, err = os.ReadFile(os.Args[2])
	check(err)
	text, err = yaml.YAMLToJSON(text)
	check(err)
	var object map[string]any
	check(json.Unmarshal(text, &object))

	var properties *apiextensions.JSONSchemaProps
	for _, version := range crd.Spec.Versions {
		if object["apiVersion"] == crd.Spec.Group+"/"+version.Name && version.Schema != nil {
			properties = version.Schema.OpenAPIV3Schema
		}
	}
	if properties == nil {
		properties = crd.Spec.Validation.OpenAPIV3Schema
	}
	structural, err := schema.NewStructural(properties)
	check(err)
	for _, path := range pruning.PruneWithOptions(object, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		fmt.Println("pruned:", path)
	}
	defaulting.Default(object, structural)
	validator, _, err := validation.NewSchemaValidator(properties)
	check(err)
	errs := validation.ValidateCustomResource(nil, object, validator)
	byRules, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).
		Validate(context.Background(), nil, structural, object, nil, celconfig.RuntimeCELCostBudget)
	for _, err := range append(errs, byRules...) {
		fmt.Println("refused:", err.Field)
	}
	if len(errs)+len(byRules) == 0 {
		fmt.Println("accepted")
	}
}
GO
go get -d istio.io/api@v1.32.0 sigs.k8s.io/gateway-api@v1.6.3 > /dev/null 2>&1
go mod tidy > /dev/null 2>&1
go build -o validate .
{
go mod download istio.io/api@v1.32.0 sigs.k8s.io/gateway-api@v1.6.3 > /dev/null 2>&1
istio=$(go mod download -json istio.io/api@v1.32.0 | sed -n "s/.*\"Dir\": \"\(.*\)\".*/\1/p")
gateway=$(go mod download -json sigs.k8s.io/gateway-api@v1.6.3 | sed -n "s/.*\"Dir\": \"\(.*\)\".*/\1/p")
awk "BEGIN{RS=\"---\n\"} /name: virtualservices.networking.istio.io/" "$istio"/kubernetes/customresourcedefinitions.gen.yaml > virtualservice.yaml
for timeout in 0s 3600.5s; do
  cat > object.yaml <<YAML
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [a.example.com], http: [{timeout: $timeout, route: [{destination: {host: a}}]}]}
YAML
  echo "VirtualService timeout $timeout: $(./validate virtualservice.yaml object.yaml)"
  cat > object.yaml <<YAML
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec: {rules: [{timeouts: {request: $timeout}, backendRefs: [{kind: Service, name: a, port: 80}]}]}
YAML
  echo "HTTPRoute timeouts.request $timeout: $(./validate "$gateway"/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml object.yaml)"
done
} > output
cat output
diff - output <<'OUT'
VirtualService timeout 0s: refused: spec.http[0].timeout
HTTPRoute timeouts.request 0s: accepted
VirtualService timeout 3600.5s: accepted
HTTPRoute timeouts.request 3600.5s: refused: spec.rules[0].timeouts.request
OUT
echo 'as described'
