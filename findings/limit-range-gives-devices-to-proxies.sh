#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: with a LimitRange that has a maximum of devices, a proxy beside a server requests devices, too.
#
# Expected: `max` of a LimitRange bounds what a container may request, as the quota bounds the namespace. A proxy, a container that downloads,
# or a job without devices is not affected: devices, unlike memory, are nothing that a container takes without a limit.
# Observed: the API server stores a maximum without `default` as the default, too, as Kubernetes documents for memory
# (https://kubernetes.io/docs/tasks/administer-cluster/manage-resources/memory-constraint-namespace/), and does so for extended
# resources. Each container without a limit of its own requests the maximum: a pod whose server has one device and that has a
# proxy requests 1 + 4. It waits for devices that it does not use, or occupies them. A limit of "0" in the container prevents it.
#
# The program calls the API server's defaults, validation and admission. It compiles parts of Kubernetes, which takes minutes where
# they are not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.37.2\n' > go.mod
# Kubernetes requires its own modules in v0.0.0, for its workspace.
go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' | xargs cat |
  sed -n 's/^\t\(k8s.io[^ ]*\) v0\.0\.0$/\1/p' | while read -r module; do go mod edit -require="$module@v0.37.2"; done
cat > main.go <<'GO'
package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
)

const npu = "example.com/npu"

func container(name, devices string) core.Container {
	result := core.Container{Name: name}
	if devices != "" {
		list := core.ResourceList{npu: resource.MustParse(devices)}
		result.Resources = core.ResourceRequirements{Limits: list, Requests: list}
	}
	return result
}

func main() {
	limits := &corev1.LimitRange{}
	limits.Namespace, limits.Name = "research", "devices"
	limits.Spec.Limits = []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Max: corev1.ResourceList{npu: resource.MustParse("4")}}}
	legacyscheme.Scheme.Default(limits)
	internal := &core.LimitRange{}
	if err := legacyscheme.Scheme.Convert(limits, internal, nil); err != nil {
		panic(err)
	}
	fmt.Println("the LimitRange is valid:", len(validation.ValidateLimitRange(internal)) == 0)
	pod := &core.Pod{Spec: core.PodSpec{
		InitContainers: []core.Container{container("download", "")},
		Containers:     []core.Container{container("server", "1"), container("proxy", ""), container("metrics", "0")},
	}}
	if err := limitranger.PodMutateLimitFunc(limits, pod); err != nil {
		panic(err)
	}
	fmt.Println("the pod is rejected:", limitranger.PodValidateLimitFunc(limits, pod) != nil)
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		devices := container.Resources.Requests[npu]
		fmt.Printf("%s requests %s\n", container.Name, devices.String())
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
the LimitRange is valid: true
the pod is rejected: false
download requests 4
server requests 1
proxy requests 4
metrics requests 0
OUT
echo 'as described'
