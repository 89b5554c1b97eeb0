#!/usr/bin/env bash
# github.com/ray-project/kuberay/ray-operator v1.6.2: a change of replicas, minReplicas or maxReplicas of a RayService does nothing.
#
# Expected: a RayService applies its rayClusterConfig: it updates the RayCluster in place where that is possible, as RayCluster itself does with
# replicas, or makes another cluster, as it does for a new image.
# Observed: neither. The comparison leaves out the three fields, also on the way to the running cluster, which keeps its old number of workers.
# status.observedGeneration follows the change, and the condition Ready stays True. A group that is added at the end is created in place, and carries the
# new numbers of the others with it.
#
# The program calls the operator's decisions by their names; they are not exported. It compiles the operator, which takes minutes
# where it is not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire github.com/ray-project/kuberay/ray-operator v1.6.2\n' > go.mod
: > empty.s # Without it, a function must have a body.
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"strconv"
	_ "unsafe" // for go:linkname

	corev1 "k8s.io/api/core/v1"

	ray "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	_ "github.com/ray-project/kuberay/ray-operator/controllers/ray"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils"
)

//go:linkname shouldUpdateCluster github.com/ray-project/kuberay/ray-operator/controllers/ray.shouldUpdateCluster
func shouldUpdateCluster(service *ray.RayService, cluster *ray.RayCluster, isActive bool) bool

//go:linkname shouldPrepareNewCluster github.com/ray-project/kuberay/ray-operator/controllers/ray.shouldPrepareNewCluster
func shouldPrepareNewCluster(ctx context.Context, service *ray.RayService, active, pending *ray.RayCluster, isPendingServing bool) bool

func newGroup(name string) ray.WorkerGroupSpec {
	one, two := int32(1), int32(2)
	return ray.WorkerGroupSpec{GroupName: name, Replicas: &one, MinReplicas: &one, MaxReplicas: &two}
}

func newService() *ray.RayService {
	service := &ray.RayService{}
	service.Spec.RayClusterSpec.WorkerGroupSpecs = []ray.WorkerGroupSpec{newGroup("workers")}
	return service
}

func main() {
	hash, err := utils.GenerateHashWithoutReplicasAndWorkersToDelete(newService().Spec.RayClusterSpec)
	if err != nil {
		panic(err)
	}
	// What the operator writes to the cluster that it creates.
	running := &ray.RayCluster{Spec: newService().Spec.RayClusterSpec}
	running.Annotations = map[string]string{
		utils.HashWithoutReplicasAndWorkersToDeleteKey: hash, utils.NumWorkerGroupsKey: strconv.Itoa(1), utils.KubeRayVersion: utils.KUBERAY_VERSION,
	}
	for _, c := range []struct {
		title  string
		change func(*ray.RayClusterSpec)
	}{
		{"replicas", func(spec *ray.RayClusterSpec) { *spec.WorkerGroupSpecs[0].Replicas = 2 }},
		{"minReplicas", func(spec *ray.RayClusterSpec) { *spec.WorkerGroupSpecs[0].MinReplicas = 2 }},
		{"maxReplicas", func(spec *ray.RayClusterSpec) { *spec.WorkerGroupSpecs[0].MaxReplicas = 9 }},
		{"image", func(spec *ray.RayClusterSpec) {
			spec.WorkerGroupSpecs[0].Template.Spec.Containers = []corev1.Container{{Name: "ray", Image: "ray:2"}}
		}},
		{"annotation of the pods", func(spec *ray.RayClusterSpec) {
			spec.WorkerGroupSpecs[0].Template.Annotations = map[string]string{"replicas": "2"}
		}},
		{"another group at the end", func(spec *ray.RayClusterSpec) {
			spec.WorkerGroupSpecs = append(spec.WorkerGroupSpecs, newGroup("more"))
		}},
	} {
		service := newService()
		c.change(&service.Spec.RayClusterSpec)
		fmt.Printf("%s: updates the cluster %t, makes another one %t\n",
			c.title, shouldUpdateCluster(service, running, true), shouldPrepareNewCluster(context.Background(), service, running, nil, false))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
replicas: updates the cluster false, makes another one false
minReplicas: updates the cluster false, makes another one false
maxReplicas: updates the cluster false, makes another one false
image: updates the cluster false, makes another one true
annotation of the pods: updates the cluster false, makes another one true
another group at the end: updates the cluster true, makes another one false
OUT
echo 'as described'
