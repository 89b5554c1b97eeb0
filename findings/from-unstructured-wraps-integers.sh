#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: FromUnstructured cuts an integer to the size of its field, without an error.
#
# Expected: runtime.DefaultUnstructuredConverter.FromUnstructured decodes like JSON: a number that the Go type cannot hold is an
# error, as it is for encoding/json, for Kubernetes' own decoders, and for a fraction in FromUnstructured itself.
# Observed: int64 becomes int32 modulo 2^32: replicas: 4294967298 is 2, and 3000000000 is negative. A controller that converts what a
# dynamic client read, or a template rendered, works with another number than the API server has or would reject.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tsigs.k8s.io/json v0.0.0-20250730193827-2d320260d730\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/json"
)

func main() {
	for _, replicas := range []string{"2", "4294967298", "3000000000", "2.5"} {
		text := fmt.Appendf(nil, `{"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"replicas":%s}}`, replicas)
		var decoded, converted autoscalingv1.Scale
		err := json.UnmarshalCaseSensitivePreserveInts(text, &decoded)
		fmt.Printf("%s\n  decoded:   %d, error: %t\n", replicas, decoded.Spec.Replicas, err != nil)

		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(text); err != nil {
			panic(err)
		}
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &converted)
		fmt.Printf("  converted: %d, error: %t\n", converted.Spec.Replicas, err != nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
2
  decoded:   2, error: false
  converted: 2, error: false
4294967298
  decoded:   0, error: true
  converted: 2, error: false
3000000000
  decoded:   0, error: true
  converted: -1294967296, error: false
2.5
  decoded:   0, error: true
  converted: 0, error: true
OUT
echo 'as described'
