#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: the status of a pod calls a device healthy that its device plugin does not report any more.
#
# Expected: in status.containerStatuses[].allocatedResourcesStatus, which is on by default since Kubernetes 1.36, a device has the health that its
# plugin reports, and Unknown, as the API has it, if the plugin reports none. ListAndWatch returns the list of all devices: one that has left it is gone.
# Observed: the kubelet takes a device that is not in the list for Healthy, also one that was Unhealthy until then: a card that fell off the
# bus is healthy for the pod that holds it, while the node's capacity does not count it any more. Unknown is never used, not even if the plugin has
# ended. A plugin must report a lost device as unhealthy for as long as a pod may hold it.
#
# The program passes devices to the kubelet's device manager. It compiles these parts of the kubelet, which takes minutes where they are not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.37.2\n' > go.mod
# Kubernetes requires its own modules in v0.0.0, for its workspace.
go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' | xargs cat |
  sed -n 's/^\t\(k8s.io[^ ]*\) v0\.0\.0$/\1/p' | while read -r module; do go mod edit -require="$module@v0.37.2"; done
touch linkname.s # A package with functions without bodies has assembly.
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "unsafe" // for go:linkname

	machine "github.com/google/cadvisor/lib/model"
	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	plugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	"k8s.io/kubernetes/pkg/kubelet/cm/containermap"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	"k8s.io/kubernetes/pkg/kubelet/config"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
)

const npu = "example.com/npu"

// newManager is the constructor with a path, so that the program writes nothing to that of a node.
//
//go:linkname newManager k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func newManager(logger klog.Logger, socket string, topology []machine.Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// connected is a plugin.
type connected struct{ plugin.DevicePluginClient }

func (c connected) API() plugin.DevicePluginClient { return c }
func (connected) Resource() string                 { return npu }
func (connected) SocketPath() string               { return "npu.sock" }

func (connected) GetDevicePluginOptions(context.Context, *plugin.Empty, ...grpc.CallOption) (*plugin.DevicePluginOptions, error) {
	return &plugin.DevicePluginOptions{}, nil
}

func (connected) Allocate(context.Context, *plugin.AllocateRequest, ...grpc.CallOption) (*plugin.AllocateResponse, error) {
	return &plugin.AllocateResponse{ContainerResponses: []*plugin.ContainerAllocateResponse{{}}}, nil
}

func main() {
	log, ctx := klog.Logger{}, context.Background()
	container := corev1.Container{Name: "a", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{npu: resource.MustParse("1")}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}
	ready := config.NewSourcesReady(func(sets.Set[string]) bool { return true })
	manager := must(newManager(log, filepath.Join(must(os.Getwd()), "kubelet.sock"), []machine.Node{{Id: 0}}, topologymanager.NewFakeManager(log)))
	must(0, manager.Start(log, func() []*corev1.Pod { return []*corev1.Pod{pod} }, ready, containermap.NewContainerMap(), sets.New[string]()))
	must(0, manager.PluginConnected(ctx, npu, connected{}))
	receive := func(devices ...*plugin.Device) {
		manager.PluginListAndWatchReceiver(log, npu, &plugin.ListAndWatchResponse{Devices: devices})
	}
	show := func(title string) {
		status := &corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "a"}}}
		manager.UpdateAllocatedResourcesStatus(log, pod, status)
		capacity, _, _ := manager.GetCapacity(log)
		devices := capacity[npu]
		health := status.ContainerStatuses[0].AllocatedResourcesStatus[0].Resources[0]
		fmt.Printf("%s: the pod's device %s is %s; the node has %s\n", title, health.ResourceID, health.Health, devices.String())
	}
	receive(&plugin.Device{ID: "npu0", Health: plugin.Healthy})
	must(0, manager.Allocate(ctx, pod, &container, lifecycle.AddOperation))
	show("reported as healthy")
	receive(&plugin.Device{ID: "npu0", Health: plugin.Unhealthy})
	show("reported as unhealthy")
	receive(&plugin.Device{ID: "npu1", Health: plugin.Healthy})
	show("not reported, but another one")
	receive()
	show("none reported")
	receive(&plugin.Device{ID: "npu0", Health: plugin.Healthy})
	manager.PluginDisconnected(log, npu, "npu.sock")
	show("healthy, then the plugin has ended")
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
reported as healthy: the pod's device npu0 is Healthy; the node has 1
reported as unhealthy: the pod's device npu0 is Unhealthy; the node has 1
not reported, but another one: the pod's device npu0 is Healthy; the node has 1
none reported: the pod's device npu0 is Healthy; the node has 0
healthy, then the plugin has ended: the pod's device npu0 is Healthy; the node has 1
OUT
echo 'as described'
