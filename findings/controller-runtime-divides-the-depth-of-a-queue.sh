#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: no series of workqueue_depth is the depth of a controller's queue.
#
# Expected: workqueue_depth{name="npu"} is the number of objects that wait for the workers of controller npu, as for any other workqueue of
# client-go, so that workqueue_depth > 50, or a maximum over the replicas of the controller, finds a queue that grows.
# Observed: it is divided by a label priority: controller-runtime itself adds the objects of its first list with the priority -100, and the
# others with 0, and a controller may use any number. A queue of 80 objects has two series of 40, and a rule or a dashboard that
# takes the maximum, or looks at a series, shows 40. The sum by replica is the depth.
#
# The program has a queue of a controller, as controller-runtime makes it, without workers.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire sigs.k8s.io/controller-runtime v0.25.2\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

func main() {
	queue, first := priorityqueue.New[int]("npu"), handler.LowPriority
	defer queue.ShutDown()
	for i := range 80 {
		if i%2 == 0 {
			queue.AddWithOpts(priorityqueue.AddOpts{Priority: &first}, i)
		} else {
			queue.Add(i)
		}
	}
	fmt.Println("waiting:", queue.Len())
	families, err := metrics.Registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		if family.GetName() != "workqueue_depth" {
			continue
		}
		for _, series := range family.GetMetric() {
			var labels []string
			for _, label := range series.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			fmt.Printf("workqueue_depth{%s} %v\n", strings.Join(labels, ","), series.GetGauge().GetValue())
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
waiting: 80
workqueue_depth{controller="npu",name="npu",priority="-100"} 40
workqueue_depth{controller="npu",name="npu",priority="0"} 40
OUT
echo 'as described'
