#!/usr/bin/env bash
# sigs.k8s.io/kueue v0.19.2: the queue of a Deployment that is ready can be neither set nor changed, and never removed.
#
# Expected: kueue.x-k8s.io/queue-name on a Deployment is a label like others. Kueue's webhook copies it to the template
# of the pods, so that a change replaces the pods in a rolling update, as a change of any label there does. At the
# latest with 0 replicas, when no pod has quota, the label can be removed.
# Observed: the webhook rejects a new queue, and another one, while a pod is ready, and the removal always. The label in
# the template alone, which the webhook does not read, has the same effect on the pods and can be changed at any time.
#
# It calls the webhook's own validation, which takes minutes to compile where that is not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire sigs.k8s.io/kueue v0.19.2\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"

	"sigs.k8s.io/kueue/pkg/controller/jobs/deployment"
)

const label = "kueue.x-k8s.io/queue-name"

// withQueue returns a Deployment with a queue of its own, one in its template, and so many ready pods. "" is no queue.
func withQueue(own, template string, ready int32) *appsv1.Deployment {
	object := &appsv1.Deployment{}
	if own != "" {
		object.Labels = map[string]string{label: own}
	}
	if template != "" {
		object.Spec.Template.Labels = map[string]string{label: template}
	}
	object.Status.ReadyReplicas = ready
	return object
}

func main() {
	failed := false
	check := func(change string, before, after *appsv1.Deployment, isRejected bool) {
		_, err := (&deployment.Webhook{}).ValidateUpdate(context.Background(), before, after)
		fmt.Printf("%s: %v\n", change, err)
		failed = failed || (err != nil) != isRejected
	}
	check("set while ready", withQueue("", "", 1), withQueue("a", "", 1), true)
	check("changed while ready", withQueue("a", "", 1), withQueue("b", "", 1), true)
	check("changed without a ready pod", withQueue("a", "", 0), withQueue("b", "", 0), false)
	check("removed without a ready pod", withQueue("a", "", 0), withQueue("", "", 0), true)
	check("set in the template while ready", withQueue("", "", 1), withQueue("", "a", 1), false)
	check("removed from the template while ready", withQueue("", "a", 1), withQueue("", "", 1), false)
	if failed {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
