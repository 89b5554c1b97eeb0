#!/usr/bin/env bash
# sigs.k8s.io/cli-utils v0.37.2, pkg/kstatus: a condition's observedGeneration is ignored, and
# a custom resource without status is Current.
#
# Expected: a condition Ready=True whose own observedGeneration is older than
# metadata.generation is stale, so the object is InProgress; an object that its controller has
# never written a status for is not Current either.
# Observed: both are Current. Only status.observedGeneration is compared. A tool that waits by
# kstatus returns at once for an object that no controller has seen.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/apimachinery v0.37.2
	sigs.k8s.io/cli-utils v0.37.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	ready := func(generation int64) []any {
		return []any{map[string]any{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": generation}}
	}
	for _, c := range []struct {
		name   string
		status map[string]any
	}{
		{"status.observedGeneration is old", map[string]any{"observedGeneration": int64(1), "conditions": ready(2)}},
		{"the condition's is old", map[string]any{"conditions": ready(1)}},
		{"no status", nil},
	} {
		object := map[string]any{
			"apiVersion": "example.com/v1", "kind": "Example",
			"metadata": map[string]any{"name": "a", "generation": int64(2)},
		}
		if c.status != nil {
			object["status"] = c.status
		}
		result, err := status.Compute(&unstructured.Unstructured{Object: object})
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s\n", c.name, result.Status)
	}
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
status.observedGeneration is old: InProgress
the condition's is old: Current
no status: Current
OUT
echo 'as described'
