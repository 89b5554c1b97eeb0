#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a ResourceQuota stops to count a pod that does not stop, although the pod holds its devices.
#
# Expected: the quota counts what the pods of a namespace use, as the scheduler does: a pod that is being deleted counts until it is gone, so that
# a namespace never holds more devices than its quota.
# Observed: the quota leaves out a pod once its grace period has passed twice, the scheduler does not. Where a process does not stop, as with one that
# waits for a driver, or where a node is lost, the namespace may start other pods: together they hold more devices than the quota, for as
# long as the first one hangs. The used number of the quota, which dashboards show, has the same gap.
#
# The program asks both for their counts. It compiles parts of Kubernetes, which takes minutes where they are not cached.
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
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	scheduler "k8s.io/kubernetes/pkg/scheduler/framework"
	clock "k8s.io/utils/clock/testing"
)

const npu = "example.com/npu"

func main() {
	now, grace := time.Now(), int64(30)
	quota := core.NewPodEvaluator(nil, clock.NewFakeClock(now))
	// The time of deletion is that at which the grace period ends.
	for _, pod := range []struct {
		title   string
		deleted *metav1.Time
	}{
		{"runs", nil},
		{"has 10 s to stop", &metav1.Time{Time: now.Add(10 * time.Second)}},
		{"should have stopped 40 s ago", &metav1.Time{Time: now.Add(-40 * time.Second)}},
	} {
		devices := corev1.ResourceList{npu: resource.MustParse("8")}
		object := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "a", DeletionTimestamp: pod.deleted, DeletionGracePeriodSeconds: &grace},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: devices, Limits: devices}}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		}
		used, err := quota.Usage(object)
		if err != nil {
			panic(err)
		}
		counted := used["requests."+npu]
		fmt.Printf("a pod with 8 devices %s: quota counts %d, the scheduler %d\n",
			pod.title, counted.Value(), scheduler.NewNodeInfo(object).Requested.ScalarResources[npu])
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
a pod with 8 devices runs: quota counts 8, the scheduler 8
a pod with 8 devices has 10 s to stop: quota counts 8, the scheduler 8
a pod with 8 devices should have stopped 40 s ago: quota counts 0, the scheduler 8
OUT
echo 'as described'
