#!/usr/bin/env bash
# k8s.io/kubectl v0.37.2: a pod with shared memory (an emptyDir of the medium Memory) blocks kubectl drain like one with data on the node's disk.
#
# Expected: drain refuses pods whose data would be lost with the node's disk. A tmpfs at /dev/shm has none: it ends with each restart of the pod on the
# same node, too, and the cluster autoscaler does not count it as local storage either.
# Observed: drain evicts no pod of the node at all, unless --delete-emptydir-data is given, a flag that sounds as if it deleted data, and that then
# also holds for the pods that do have some. A claim does not block the drain.
#
# The program calls drain's own selection of pods, with client-go's fake client.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tk8s.io/api v0.37.2\n\tk8s.io/apimachinery v0.37.2\n\tk8s.io/client-go v0.37.2\n\tk8s.io/kubectl v0.37.2\n)\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubectl/pkg/drain"
)

func main() {
	for _, c := range []struct {
		title string
		flag  bool
		of    corev1.VolumeSource
	}{
		{"a claim", false, corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "a"}}},
		{"the node's disk", false, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{"memory", false, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
		{"memory, --delete-emptydir-data", true, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
	} {
		isController := true
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "server", OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "a", Controller: &isController}}},
			Spec:       corev1.PodSpec{NodeName: "node", Volumes: []corev1.Volume{{Name: "a", VolumeSource: c.of}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		}
		helper := &drain.Helper{Ctx: context.Background(), Client: fake.NewClientset(pod), DeleteEmptyDirData: c.flag, Out: io.Discard, ErrOut: io.Discard}
		list, errs := helper.GetPodsForDeletion("node")
		fmt.Printf("%s: %d pods are evicted %v\n", c.title, len(list.Pods()), errs)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
a claim: 1 pods are evicted []
the node's disk: 0 pods are evicted [cannot delete Pods with local storage (use --delete-emptydir-data to override): a/server]
memory: 0 pods are evicted [cannot delete Pods with local storage (use --delete-emptydir-data to override): a/server]
memory, --delete-emptydir-data: 1 pods are evicted []
OUT
echo 'as described'
