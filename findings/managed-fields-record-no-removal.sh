#!/usr/bin/env bash
# k8s.io/apimachinery v0.37.2: an update that only removes fields leaves no trace in managedFields.
#
# Expected: the manager of an update has an entry with the time of the update, whatever the update
# changes, so that the newest entry shows who changed an object last.
# Observed: a manager that only removes fields (a JSON patch with remove, an editor that deletes
# lines) gets no entry, and no entry gets another time: the newest one is that of an earlier manager.
# Entries of other managers lose the removed fields.
#
# The program passes updates to the API server's own field manager and prints the entries.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require k8s.io/apimachinery v0.37.2
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
)

func main() {
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Server"}
	fields := managedfieldstest.NewTestFieldManager(managedfields.NewDeducedTypeConverter(), kind)
	update := func(manager string, spec map[string]any) {
		object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		object.SetGroupVersionKind(kind)
		object.SetName("a")
		object.SetManagedFields(fields.ManagedFields())
		if err := fields.Update(object, manager); err != nil {
			panic(err)
		}
		fmt.Printf("%s writes %v:", manager, spec)
		for _, entry := range fields.ManagedFields() {
			fmt.Printf(" %s %s", entry.Manager, entry.FieldsV1.GetRawString())
		}
		fmt.Println()
	}
	times := func() (all []metav1.Time) {
		for _, entry := range fields.ManagedFields() {
			all = append(all, *entry.Time)
		}
		return all
	}
	update("first", map[string]any{"model": "a", "port": "1"})
	before := times()
	time.Sleep(1100 * time.Millisecond) // Times have whole seconds.
	update("remover", map[string]any{"model": "a"})
	fmt.Println("the times are the same:", fmt.Sprint(before) == fmt.Sprint(times()))
	update("setter", map[string]any{"model": "b"})
	fmt.Println("the times are the same:", fmt.Sprint(before) == fmt.Sprint(times()))
}
GO
go mod tidy > /dev/null 2>&1
go run . | tee output
diff - output <<'OUT'
first writes map[model:a port:1]: first {"f:spec":{".":{},"f:model":{},"f:port":{}}}
remover writes map[model:a]: first {"f:spec":{".":{},"f:model":{}}}
the times are the same: true
setter writes map[model:b]: first {"f:spec":{}} setter {"f:spec":{"f:model":{}}}
the times are the same: false
OUT
