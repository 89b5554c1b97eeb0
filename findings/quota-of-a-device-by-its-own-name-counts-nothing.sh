#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a ResourceQuota on the name of a device, without the prefix requests., is accepted and never counts.
#
# Expected: the documentation of quotas allows only items with the prefix requests. for extended resources. `hard: {example.com/npu: "8"}` and
# `limits.example.com/npu: "8"` are rejected, as `npu: "8"` is, or bound the devices of a namespace, as `cpu` and `limits.cpu` do its CPU.
# Observed: the API server accepts both without a warning, and counts only requests.example.com/npu. The others are part of the quota's status, without
# a used number, for which kubectl prints 0: the quota looks as if no device were in use, and pods get as many as there are.
#
# The program calls the API server's validation and the quota's evaluation of a pod. It compiles parts of Kubernetes, which
# takes minutes where they are not cached.
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
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	evaluators "k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/utils/clock"
)

func main() {
	used := corev1.ResourceList{"cpu": resource.MustParse("4"), "example.com/npu": resource.MustParse("16")}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Limits: used, Requests: used}}}}}
	evaluator := evaluators.NewPodEvaluator(nil, clock.RealClock{})
	usage, err := evaluator.Usage(pod)
	if err != nil {
		panic(err)
	}
	for _, name := range []corev1.ResourceName{"cpu", "limits.cpu", "requests.example.com/npu", "example.com/npu", "limits.example.com/npu", "npu"} {
		internal := core.ResourceQuota{Spec: core.ResourceQuotaSpec{Hard: core.ResourceList{core.ResourceName(name): resource.MustParse("8")}}}
		internal.Namespace, internal.Name = "research", "devices"
		if errs := validation.ValidateResourceQuota(&internal); len(errs) > 0 {
			fmt.Printf("%s: rejected\n", name)
			continue
		}
		// Admission compares what the evaluator matches.
		counted := evaluator.MatchingResources([]corev1.ResourceName{name})
		within, _ := quota.LessThanOrEqual(quota.Mask(usage, counted), corev1.ResourceList{name: resource.MustParse("8")})
		fmt.Printf("%s: accepted, counted %t, a pod with 4 CPUs and 16 devices is within 8: %t\n", name, len(counted) > 0, within)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
cpu: accepted, counted true, a pod with 4 CPUs and 16 devices is within 8: true
limits.cpu: accepted, counted true, a pod with 4 CPUs and 16 devices is within 8: true
requests.example.com/npu: accepted, counted true, a pod with 4 CPUs and 16 devices is within 8: false
example.com/npu: accepted, counted false, a pod with 4 CPUs and 16 devices is within 8: true
limits.example.com/npu: accepted, counted false, a pod with 4 CPUs and 16 devices is within 8: true
npu: rejected
OUT
echo 'as described'
