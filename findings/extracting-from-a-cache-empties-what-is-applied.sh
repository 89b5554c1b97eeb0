#!/usr/bin/env bash
# k8s.io/client-go v0.37.2 with sigs.k8s.io/controller-runtime v0.25.2: an extracted apply configuration is empty for a cached object, and applying it removes all fields.
#
# Expected: ExtractConfigMap returns the fields that a manager has applied, to change one of them and to apply them again, as its documentation describes. For
# an object from which they cannot be told, it returns an error.
# Observed: it reads them from metadata.managedFields, which caches drop to save memory (TransformStripManagedFields of controller-runtime, and the same
# transform of many operators). Without an entry there is no error: the configuration has the name alone. Applied with one changed
# value, it gives up all other fields of the manager, and the API server removes these.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n\tsigs.k8s.io/controller-runtime v0.25.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

const manager = "operator"

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ctx, options := context.Background(), metav1.ApplyOptions{FieldManager: manager, Force: true}
	for _, isCached := range []bool{false, true} {
		// The fake has the server-side apply of the API server.
		objects := fake.NewClientset().CoreV1().ConfigMaps("n")
		desired := apply.ConfigMap("server", "n").WithLabels(map[string]string{"app": "llama"}).WithData(map[string]string{"model": "llama", "port": "80"})
		must(objects.Apply(ctx, desired, options))
		live := must(objects.Get(ctx, "server", metav1.GetOptions{}))
		if isCached {
			live = must(cache.TransformStripManagedFields()(live)).(*corev1.ConfigMap)
		}
		own := must(apply.ExtractConfigMap(live, manager))
		fmt.Printf("cached %t: extracted %s\n", isCached, must(json.Marshal(own)))
		applied := must(objects.Apply(ctx, own.WithData(map[string]string{"port": "81"}), options))
		fmt.Printf("  then applied: labels %v, data %v\n", applied.Labels, applied.Data)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
cached false: extracted {"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"server","namespace":"n","labels":{"app":"llama"}},"data":{"model":"llama","port":"80"}}
  then applied: labels map[app:llama], data map[model:llama port:81]
cached true: extracted {"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"server","namespace":"n"}}
  then applied: labels map[], data map[port:81]
OUT
echo 'as described'
