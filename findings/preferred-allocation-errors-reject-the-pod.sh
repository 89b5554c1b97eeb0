#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: an error of a device plugin's GetPreferredAllocation rejects the pod.
#
# Expected: the preference is a hint, as the API says ("not guaranteed to be the allocation ultimately performed by the devicemanager"): the kubelet
# replaces one that names too few devices, or devices that do not exist. A plugin that has no preference, or cannot compute one, returns
# an error, and the kubelet chooses the devices itself.
# Observed: any error of the call fails the allocation, and the pod ends as Failed with UnexpectedAdmissionError, on a node with free
# devices. Its Deployment creates another one, which the scheduler sends to the same node. A plugin without a preference must return
# none.
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
	"errors"
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

// connected is a plugin that prefers devices, or fails.
type connected struct {
	plugin.DevicePluginClient
	prefers []string
	err     error
}

func (c connected) API() plugin.DevicePluginClient { return c }
func (connected) Resource() string                 { return npu }
func (connected) SocketPath() string               { return "npu.sock" }

func (connected) GetDevicePluginOptions(context.Context, *plugin.Empty, ...grpc.CallOption) (*plugin.DevicePluginOptions, error) {
	return &plugin.DevicePluginOptions{GetPreferredAllocationAvailable: true}, nil
}

func (c connected) GetPreferredAllocation(context.Context, *plugin.PreferredAllocationRequest, ...grpc.CallOption) (*plugin.PreferredAllocationResponse, error) {
	return &plugin.PreferredAllocationResponse{ContainerResponses: []*plugin.ContainerPreferredAllocationResponse{{DeviceIDs: c.prefers}}}, c.err
}

func (connected) Allocate(context.Context, *plugin.AllocateRequest, ...grpc.CallOption) (*plugin.AllocateResponse, error) {
	return &plugin.AllocateResponse{ContainerResponses: []*plugin.ContainerAllocateResponse{{}}}, nil
}

func main() {
	dir, log, ctx := must(os.Getwd()), klog.Logger{}, context.Background()
	container := corev1.Container{Name: "a", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{npu: resource.MustParse("2")}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}
	ready := config.NewSourcesReady(func(sets.Set[string]) bool { return true })
	for _, client := range []connected{
		{prefers: []string{"b", "c"}}, {prefers: []string{"b", "unknown"}}, {}, {err: errors.New("no preference")},
	} {
		manager := must(newManager(log, filepath.Join(must(os.MkdirTemp(dir, "plugins")), "kubelet.sock"), []machine.Node{{Id: 0}}, topologymanager.NewFakeManager(log)))
		must(0, manager.Start(log, func() []*corev1.Pod { return []*corev1.Pod{pod} }, ready, containermap.NewContainerMap(), sets.New[string]()))
		must(0, manager.PluginConnected(ctx, npu, client))
		manager.PluginListAndWatchReceiver(log, npu, &plugin.ListAndWatchResponse{Devices: []*plugin.Device{
			{ID: "a", Health: plugin.Healthy}, {ID: "b", Health: plugin.Healthy}, {ID: "c", Health: plugin.Healthy},
		}})
		err := manager.Allocate(ctx, pod, &container, lifecycle.AddOperation)
		fmt.Printf("prefers %v, error %t: %d devices, allocation fails %t\n", client.prefers, client.err != nil, len(manager.GetDevices("a", "a")[npu]), err != nil)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
prefers [b c], error false: 2 devices, allocation fails false
prefers [b unknown], error false: 2 devices, allocation fails false
prefers [], error false: 2 devices, allocation fails false
prefers [], error true: 0 devices, allocation fails true
OUT
echo 'as described'
