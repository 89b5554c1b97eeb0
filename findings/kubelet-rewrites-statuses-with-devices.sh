#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: the kubelet writes the status of a pod with several devices again and again, although nothing has changed.
#
# Expected: the kubelet computes the status of a running pod about once a minute, and after each event of its containers, and writes it to the API
# server if it differs from the last one. The status of a server that runs undisturbed is written once.
# Observed: with two or more devices of a device plugin, it differs almost each time: allocatedResourcesStatus, which is on by default since
# Kubernetes 1.36, lists the devices in the random order of a map, and the comparison is by order. Each pod with devices causes a write and an
# event of all watches of pods in each minute: thousands of such pods are a load of their own, and a controller that reconciles at each event of a
# pod never rests. A pod with one device is not affected. The feature gate ResourceHealthStatus of the kubelet turns it off. Reported in
# kubernetes/kubernetes#142293.
#
# The program has the kubelet's device manager compute the status of an unchanged pod 100 times, and the kubelet's status manager compare each with
# the one before. It compiles these parts of the kubelet, which takes minutes where they are not cached.
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
	_ "k8s.io/kubernetes/pkg/kubelet/status"
)

const npu = "example.com/npu"

// newManager is the constructor with a path, so that the program writes nothing to that of a node.
//
//go:linkname newManager k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func newManager(logger klog.Logger, socket string, topology []machine.Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)

// isEqual decides whether a status must be written.
//
//go:linkname isEqual k8s.io/kubernetes/pkg/kubelet/status.isPodStatusByKubeletEqual
func isEqual(before, after *corev1.PodStatus) bool

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
	log, ctx, dir := klog.Logger{}, context.Background(), must(os.Getwd())
	ready := config.NewSourcesReady(func(sets.Set[string]) bool { return true })
	for _, count := range []int64{1, 2, 8} {
		container := corev1.Container{Name: "a", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{npu: *resource.NewQuantity(count, resource.DecimalSI)}}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}
		socket := filepath.Join(must(os.MkdirTemp(dir, "plugins")), "kubelet.sock")
		manager := must(newManager(log, socket, []machine.Node{{Id: 0}}, topologymanager.NewFakeManager(log)))
		must(0, manager.Start(log, func() []*corev1.Pod { return []*corev1.Pod{pod} }, ready, containermap.NewContainerMap(), sets.New[string]()))
		must(0, manager.PluginConnected(ctx, npu, connected{}))
		var devices []*plugin.Device
		for i := range count {
			devices = append(devices, &plugin.Device{ID: fmt.Sprint("npu", i), Health: plugin.Healthy})
		}
		manager.PluginListAndWatchReceiver(log, npu, &plugin.ListAndWatchResponse{Devices: devices})
		must(0, manager.Allocate(ctx, pod, &container, lifecycle.AddOperation))

		var before *corev1.PodStatus
		writes := 0
		for range 100 {
			status := &corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "a", Ready: true}}}
			manager.UpdateAllocatedResourcesStatus(log, pod, status)
			if before == nil || !isEqual(before, status) {
				writes++
			}
			before = status
		}
		fmt.Printf("%d devices: more than 10 of 100 statuses are written: %t\n", count, writes > 10)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
1 devices: more than 10 of 100 statuses are written: false
2 devices: more than 10 of 100 statuses are written: true
8 devices: more than 10 of 100 statuses are written: true
OUT
echo 'as described'
