#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: a manager that applies an empty list does not keep others from filling it, unless the list is replaced as a whole.
#
# Expected: a manifest with `env: []` or `annotations: {}` says that there are none: the manager owns the field, another manager that adds an
# item gets a conflict, and the next apply of the manifest removes what was added, as with `args: []`.
# Observed: this holds for lists and maps that are replaced as a whole (args, nodeSelector) only. An empty list whose items have keys (env) is
# owned by no manager; a map whose entries have owners (annotations) is owned, to no effect. Others add items without a conflict, and no apply removes them. A client
# that compares its manifest with what it owns, or with the object, finds a difference that no apply corrects.
#
# The program applies manifests of a Deployment by the API server's code for managed fields.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
	sigs.k8s.io/yaml v1.6.0
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const container = "spec: {template: {spec: {containers: [{name: server, %s}]}}}"

func deployment(fields string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	text := "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, " + fields + "}"
	if strings.HasPrefix(fields, "metadata") {
		text = "{apiVersion: apps/v1, kind: Deployment, " + fields + "}"
	}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		panic(err)
	}
	return object
}

func main() {
	types := applyconfigurations.NewTypeConverter(scheme.Scheme)
	for _, c := range []struct{ field, empty, filled string }{
		{"args", fmt.Sprintf(container, "args: []"), fmt.Sprintf(container, "args: [x]")},
		{"env", fmt.Sprintf(container, "env: []"), fmt.Sprintf(container, "env: [{name: x}]")},
		{"nodeSelector", "spec: {template: {spec: {nodeSelector: {}}}}", "spec: {template: {spec: {nodeSelector: {x: x}}}}"},
		{"annotations", "metadata: {name: a, annotations: {}}", "metadata: {name: a, annotations: {x: x}}"},
	} {
		server := managedfieldstest.NewTestFieldManager(types, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
		apply := func(fields, manager string, force bool) error {
			return server.Apply(deployment(fields), manager, force)
		}
		owns := func() bool {
			for _, entry := range must(meta.Accessor(server.Live())).GetManagedFields() {
				if entry.Manager == "first" {
					return strings.Contains(entry.FieldsV1.GetRawString(), `"f:`+c.field+`"`)
				}
			}
			return false
		}
		if err := apply(c.empty, "first", false); err != nil {
			panic(err)
		}
		isOwned := owns()
		conflict := apply(c.filled, "second", false)
		if err := server.Update(deployment(c.filled), "kubectl"); err != nil {
			panic(err)
		}
		if err := apply(c.empty, "first", true); err != nil {
			panic(err)
		}
		live := server.Live().DeepCopyObject()
		must(meta.Accessor(live)).SetManagedFields(nil)
		text := string(must(yaml.Marshal(live)))
		fmt.Printf("an empty %s: owned %t, an item of another manager is a conflict %t, the next apply removes an item %t\n",
			c.field, isOwned, conflict != nil, !strings.Contains(text, "x"))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
an empty args: owned true, an item of another manager is a conflict true, the next apply removes an item true
an empty env: owned false, an item of another manager is a conflict false, the next apply removes an item false
an empty nodeSelector: owned true, an item of another manager is a conflict true, the next apply removes an item true
an empty annotations: owned true, an item of another manager is a conflict false, the next apply removes an item false
OUT
echo 'as described'
