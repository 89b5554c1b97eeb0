#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: SetControllerReference gives the object of a deleted owner to a new one of the same name.
#
# Expected: an object whose controller has another UID belongs to another owner: AlreadyOwnedError, as with an owner of another name. An owner that was
# deleted and created again has another UID, and the garbage collector deletes, or orphans, what the first one left.
# Observed: owners are compared by group, kind and name. The UID is replaced without an error, so the object of the first owner, with its spec and data,
# becomes one of the second. HasOwnerReference is true for any UID, while metav1.IsControlledBy, which compares UIDs, is
# false: two checks of one object by one controller disagree.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n\tsigs.k8s.io/controller-runtime v0.25.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

func owner(name string, uid types.UID) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name, UID: uid}}
}

func main() {
	first, second, other := owner("llama", "1"), owner("llama", "2"), owner("qwen", "3")
	object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "token"}}
	if err := controllerutil.SetControllerReference(first, object, scheme.Scheme); err != nil {
		panic(err)
	}
	has, err := controllerutil.HasOwnerReference(object.OwnerReferences, second, scheme.Scheme)
	fmt.Printf("of llama 1: HasOwnerReference of llama 2 %t %v, IsControlledBy %t\n", has, err, metav1.IsControlledBy(object, second))
	for _, next := range []*corev1.ConfigMap{other, second} {
		err := controllerutil.SetControllerReference(next, object, scheme.Scheme)
		_, isOwned := errors.AsType[*controllerutil.AlreadyOwnedError](err)
		fmt.Printf("SetControllerReference of %s %s: already owned %t, now of UID %s\n", next.Name, next.UID, isOwned, object.OwnerReferences[0].UID)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
of llama 1: HasOwnerReference of llama 2 true <nil>, IsControlledBy false
SetControllerReference of qwen 3: already owned true, now of UID 1
SetControllerReference of llama 2: already owned false, now of UID 2
OUT
echo 'as described'
