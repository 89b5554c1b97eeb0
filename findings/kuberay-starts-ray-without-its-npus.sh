#!/usr/bin/env bash
# github.com/ray-project/kuberay/ray-operator v1.5.0: Ray does not know the devices of a pod unless they are GPUs, or Google's or AWS's.
#
# Expected: the operator derives the resources of a Ray node from the limits of its container, as it does for CPU, memory and GPUs, so that a pod
# with four devices is a node with four, under some name.
# Observed: it passes names that end with gpu, NVIDIA's partitions, google.com/tpu and aws.amazon.com/neuroncore to `ray start`; all others have no effect. The
# pod holds its devices and the cluster is ready, while tasks that ask for a device wait for ever. rayStartParams must name them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire github.com/ray-project/kuberay/ray-operator v1.5.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	ray "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/common"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var devices = regexp.MustCompile(`--(num-gpus|resources)=\S+`)

func main() {
	for _, name := range []corev1.ResourceName{
		"nvidia.com/gpu", "google.com/tpu", "aws.amazon.com/neuroncore", "rebellions.ai/npu", "huawei.com/Ascend910", "habana.ai/gaudi",
	} {
		template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}
		template.Spec.Containers = []corev1.Container{{
			Name: "worker", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{name: resource.MustParse("4")}},
		}}
		pod := common.BuildPod(context.Background(), template, ray.WorkerNode, map[string]string{}, "6379", false, utils.RayServiceCRD, "head", nil)
		fmt.Printf("4 %s: %v\n", name, devices.FindAllString(strings.Join(pod.Spec.Containers[0].Args, " "), -1))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
4 nvidia.com/gpu: [--num-gpus=4]
4 google.com/tpu: [--resources='{"TPU":4}']
4 aws.amazon.com/neuroncore: [--resources='{"neuron_cores":4}']
4 rebellions.ai/npu: []
4 huawei.com/Ascend910: []
4 habana.ai/gaudi: []
OUT
echo 'as described'
