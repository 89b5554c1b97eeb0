#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: an annotation increments the generation of a Deployment.
#
# Expected: metadata.generation counts changes of the desired state, as the API conventions
# describe; a change of metadata leaves it alone, as it does for a StatefulSet and a DaemonSet.
# Observed: a Deployment whose annotations change gets another generation, one whose labels
# change does not. Until its controller has observed it, status.observedGeneration is behind,
# and tools such as kubectl rollout status report a rollout that is not there.
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
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
)

func main() {
	before := metav1.ObjectMeta{Name: "a", Generation: 1}
	update := func(change string, after metav1.ObjectMeta) {
		after.Name, after.Generation = "a", 1
		d, s, n := &apps.Deployment{ObjectMeta: after}, &apps.StatefulSet{ObjectMeta: after}, &apps.DaemonSet{ObjectMeta: after}
		deployment.Strategy.PrepareForUpdate(context.Background(), d, &apps.Deployment{ObjectMeta: before})
		statefulset.Strategy.PrepareForUpdate(context.Background(), s, &apps.StatefulSet{ObjectMeta: before})
		daemonset.Strategy.PrepareForUpdate(context.Background(), n, &apps.DaemonSet{ObjectMeta: before})
		fmt.Printf("%s: Deployment %d, StatefulSet %d, DaemonSet %d\n", change, d.Generation, s.Generation, n.Generation)
	}
	update("a label", metav1.ObjectMeta{Labels: map[string]string{"a": "b"}})
	update("an annotation", metav1.ObjectMeta{Annotations: map[string]string{"a": "b"}})
}
GO
go mod tidy > /dev/null 2>&1
go run . > output
cat output
diff - output <<'OUT'
a label: Deployment 1, StatefulSet 1, DaemonSet 1
an annotation: Deployment 2, StatefulSet 1, DaemonSet 1
OUT
echo 'as described'
