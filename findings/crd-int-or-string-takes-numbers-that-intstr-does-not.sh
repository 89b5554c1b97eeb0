#!/usr/bin/env bash
# k8s.io/apiextensions-apiserver v0.37.2: x-kubernetes-int-or-string accepts numbers that an intstr.IntOrString cannot hold.
#
# Expected: the extension is named after the Go type IntOrString, which has 32 bits. As of a field with format: int32, the API server rejects 4294967296.
# Observed: the number is stored. controller-gen writes no bounds for a field of that type, such as the port of a probe in an embedded PodSpec, and a
# structural schema allows no format in its alternatives. A typed client then fails to decode each list of the kind, for all
# objects. A minimum and a maximum beside the alternatives are allowed, and hold for numbers only.
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
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// accepts reports whether a CRD with this schema of the field port is valid, and stores the port.
func accepts(port apiextensions.JSONSchemaProps, value any) string {
	root := &apiextensions.JSONSchemaProps{Type: "object", Properties: map[string]apiextensions.JSONSchemaProps{"port": port}}
	structural, err := schema.NewStructural(root)
	if err != nil {
		panic(err)
	}
	if errs := schema.ValidateStructural(nil, structural); len(errs) > 0 {
		return "no valid CRD"
	}
	validator, _, err := validation.NewSchemaValidator(root)
	if err != nil {
		panic(err)
	}
	if len(validation.ValidateCustomResource(nil, map[string]any{"port": value}, validator)) > 0 {
		return "rejected"
	}
	return "stored"
}

func main() {
	minimum, maximum := 1.0, 65535.0
	generated := apiextensions.JSONSchemaProps{XIntOrString: true, AnyOf: []apiextensions.JSONSchemaProps{{Type: "integer"}, {Type: "string"}}}
	withFormat := apiextensions.JSONSchemaProps{XIntOrString: true, AnyOf: []apiextensions.JSONSchemaProps{{Type: "integer", Format: "int32"}, {Type: "string"}}}
	bounded := generated
	bounded.Minimum, bounded.Maximum = &minimum, &maximum
	number := apiextensions.JSONSchemaProps{Type: "integer", Format: "int32"}
	for _, value := range []any{int64(8080), "http", int64(4294967296)} {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		var typed intstr.IntOrString
		fmt.Printf("%v: format int32 %s, int-or-string %s, with a format in it %s, with bounds beside it %s, IntOrString decodes it %t\n", value,
			accepts(number, value), accepts(generated, value), accepts(withFormat, value), accepts(bounded, value), json.Unmarshal(text, &typed) == nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
8080: format int32 stored, int-or-string stored, with a format in it no valid CRD, with bounds beside it stored, IntOrString decodes it true
http: format int32 rejected, int-or-string stored, with a format in it no valid CRD, with bounds beside it stored, IntOrString decodes it true
4294967296: format int32 rejected, int-or-string stored, with a format in it no valid CRD, with bounds beside it rejected, IntOrString decodes it false
OUT
echo 'as described'
