#!/usr/bin/env bash
# github.com/ray-project/kuberay/ray-operator v1.6.2: the condition Ready of a RayService stays True when its application has failed.
#
# Expected: Ready is False when Ray Serve reports DEPLOY_FAILED or UNHEALTHY for an application of the active cluster. The operator reads these
# states, and does not switch to a new cluster before all applications of it are RUNNING.
# Observed: Ready counts the endpoints of the Service, which are Ray's proxies. They are ready whatever the applications do. A change of
# serveConfigV2, which takes effect in the active cluster, can end every model of it: requests get errors, Ready and serviceStatus do not change.
# Only status.activeServiceStatus.applicationStatuses has the failure.
#
# The program calls the operator's function for conditions, which is not exported, with a reconciler that is not used. It compiles the
# operator, which takes minutes where it is not cached.
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
	_ "unsafe" // for go:linkname

	"k8s.io/apimachinery/pkg/api/meta"

	rayv1 "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray"
)

//go:linkname calculateConditions github.com/ray-project/kuberay/ray-operator/controllers/ray.calculateConditions
func calculateConditions(ctx context.Context, reconciler *ray.RayServiceReconciler, service *rayv1.RayService)

func main() {
	service := &rayv1.RayService{}
	service.Status.ActiveServiceStatus.RayClusterName = "llama"
	for _, c := range []struct {
		state     string
		endpoints int32
	}{
		{rayv1.ApplicationStatusEnum.RUNNING, 2},
		{rayv1.ApplicationStatusEnum.DEPLOY_FAILED, 2},
		{rayv1.ApplicationStatusEnum.UNHEALTHY, 2},
		{rayv1.ApplicationStatusEnum.RUNNING, 0},
	} {
		service.Status.ActiveServiceStatus.Applications = map[string]rayv1.AppStatus{"llm": {Status: c.state}}
		service.Status.NumServeEndpoints = c.endpoints
		calculateConditions(context.Background(), &ray.RayServiceReconciler{}, service)
		ready := meta.FindStatusCondition(service.Status.Conditions, string(rayv1.RayServiceReady))
		fmt.Printf("application %s, %d proxies: Ready %s (%s)\n", c.state, c.endpoints, ready.Status, ready.Reason)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
application RUNNING, 2 proxies: Ready True (NonZeroServeEndpoints)
application DEPLOY_FAILED, 2 proxies: Ready True (NonZeroServeEndpoints)
application UNHEALTHY, 2 proxies: Ready True (NonZeroServeEndpoints)
application RUNNING, 0 proxies: Ready False (ZeroServeEndpoints)
OUT
echo 'as described'
