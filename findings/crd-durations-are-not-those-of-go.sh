#!/usr/bin/env bash
# k8s.io/apiextensions-apiserver v0.37.2: `format: duration` of a CRD accepts what a controller cannot read.
#
# Expected: a field with format: duration takes the durations that metav1.Duration, the type of Kubernetes for them, decodes, so that a stored object
# can be read by its controller.
# Observed: the API server's check of the format is another grammar: weeks, days, ISO 8601, spaces, words, and anything that contains a duration
# ("5m or so"). metav1.Duration takes none of these. One such object is stored, and a typed client then fails to decode each list
# that contains it, for all other objects, too. A CRD must use a pattern, as Gateway API does.
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
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	schema := &apiextensions.JSONSchemaProps{
		Type:       "object",
		Properties: map[string]apiextensions.JSONSchemaProps{"timeout": {Type: "string", Format: "duration"}},
	}
	validator, _, err := validation.NewSchemaValidator(schema)
	if err != nil {
		panic(err)
	}
	for _, text := range []string{"1h30m", "1d", "3 weeks", "P1D", "1M", "5m or so", "soon"} {
		object := map[string]any{"timeout": text}
		stored := len(validation.ValidateCustomResource(nil, object, validator)) == 0
		encoded, err := json.Marshal(object)
		if err != nil {
			panic(err)
		}
		var typed struct {
			Timeout metav1.Duration `json:"timeout"`
		}
		fmt.Printf("%q: CRD accepts %t, metav1.Duration decodes %t\n", text, stored, json.Unmarshal(encoded, &typed) == nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
"1h30m": CRD accepts true, metav1.Duration decodes true
"1d": CRD accepts true, metav1.Duration decodes false
"3 weeks": CRD accepts true, metav1.Duration decodes false
"P1D": CRD accepts true, metav1.Duration decodes false
"1M": CRD accepts true, metav1.Duration decodes false
"5m or so": CRD accepts true, metav1.Duration decodes false
"soon": CRD accepts false, metav1.Duration decodes false
OUT
echo 'as described'
