#!/usr/bin/env bash
# sigs.k8s.io/lws v0.9.0: one repeated init container recreates a whole group, also after all of its pods run.
#
# Expected: restartPolicy RecreateGroupOnPodRestart, the default, is about pods whose servers restart: the others of the group have lost
# their peer. An init container that was repeated, such as a download that failed once, happened before there was a server.
# Observed: the restarts of init containers count. By default the group is deleted while its other pods still start, and every pod downloads
# again; with RecreateGroupAfterStart it is deleted when all of its pods run, because the count of the finished init container
# stays. A group whose download fails now and then may never serve. Only None leaves it alone.
#
# The program calls the function by which the manager decides that a pod was restarted.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire sigs.k8s.io/lws v0.9.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	pods "sigs.k8s.io/lws/pkg/utils/pod"
)

func main() {
	for _, restarts := range []int32{0, 1} {
		for _, phase := range []corev1.PodPhase{corev1.PodPending, corev1.PodRunning} {
			status := corev1.PodStatus{Phase: phase, InitContainerStatuses: []corev1.ContainerStatus{{Name: "download", RestartCount: restarts}}}
			if phase == corev1.PodRunning {
				status.InitContainerStatuses[0].State.Terminated = &corev1.ContainerStateTerminated{Reason: "Completed"}
				status.ContainerStatuses = []corev1.ContainerStatus{{Name: "server", Ready: true}}
			}
			fmt.Printf("%s, download repeated %d times, server never: restarted %t\n", phase, restarts, pods.ContainerRestarted(corev1.Pod{Status: status}))
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
Pending, download repeated 0 times, server never: restarted false
Running, download repeated 0 times, server never: restarted false
Pending, download repeated 1 times, server never: restarted true
Running, download repeated 1 times, server never: restarted true
OUT
echo 'as described'
