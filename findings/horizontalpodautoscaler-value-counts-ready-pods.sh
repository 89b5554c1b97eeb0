#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: with a target of type Value, a HorizontalPodAutoscaler removes pods because they are not ready yet.
#
# Expected: the wanted number is the current number of replicas times metric / target, as the documentation has it. As long as the metric is
# above its target, no pod is removed. AverageValue differs only in that the target is for each pod.
# Observed: for an external metric or one of an object, Value multiplies by the number of ready pods. Of four replicas of which one is ready, a
# load of twice the target makes two: those that start are stopped again. Readiness has no effect on AverageValue. The stabilization window, five
# minutes by default, hides it from servers that start faster than that; those that load a model for longer never reach their number.
#
# The program calls the controller's calculation. It compiles parts of Kubernetes, which takes minutes where they are not cached.
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// requests is a client of metrics: 400 requests, in thousandths.
type requests struct{ metrics.MetricsClient }

func (requests) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	return []int64{400_000}, time.Now(), nil
}

// lister lists four pods, some of which are ready.
func lister(ready int) listers.PodLister {
	pods := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for i := range 4 {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint(i)}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
		if i < ready {
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
		must(0, pods.Add(pod))
	}
	return listers.NewPodLister(pods)
}

func main() {
	for _, ready := range []int{4, 1} {
		calculator := podautoscaler.NewReplicaCalculator(requests{}, lister(ready), time.Minute, time.Minute)
		byValue, _, _, err := calculator.GetExternalMetricReplicas(4, 200_000, "requests", podautoscaler.Tolerances{}, "a", nil, labels.Everything())
		must(0, err)
		byAverage, _, _, err := calculator.GetExternalPerPodMetricReplicas(4, 50_000, "requests", podautoscaler.Tolerances{}, "a", nil)
		must(0, err)
		fmt.Printf("4 replicas, %d ready, 400 requests: Value 200 wants %d, AverageValue 50 wants %d\n", ready, byValue, byAverage)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
4 replicas, 4 ready, 400 requests: Value 200 wants 8, AverageValue 50 wants 8
4 replicas, 1 ready, 400 requests: Value 200 wants 2, AverageValue 50 wants 8
OUT
echo 'as described'
