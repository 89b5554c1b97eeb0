#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a restart of the kubelet ends running pods whose init containers had devices.
#
# Expected: pods run on while the kubelet restarts, also those with devices, whose plugin registers a moment after the kubelet has admitted the pods
# again: the kubelet remembers their devices, and that is why it does not ask for devices of containers that run.
# Observed: an init container that requested a device, such as one that compiles a model for it, does not run any more. The kubelet tries to allocate
# its device anew, finds no plugin, and rejects the pod, whose server runs: it ends as Failed with UnexpectedAdmissionError. Without a device in the
# init container, the pod stays. Reported in kubernetes/kubernetes#138446.
#
# The program starts the kubelet's device manager twice with the same checkpoint, the second time before the plugin has registered, with the pod's
# server running. It compiles these parts of the kubelet, which takes minutes where they are not cached.
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

func newContainer(name string, devices int64) corev1.Container {
	container := corev1.Container{Name: name}
	if devices > 0 {
		container.Resources.Limits = corev1.ResourceList{npu: *resource.NewQuantity(devices, resource.DecimalSI)}
	}
	return container
}

func main() {
	log, ctx, dir := klog.Logger{}, context.Background(), must(os.Getwd())
	for _, inInit := range []int64{0, 1} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}, Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{newContainer("compile", inInit)}, Containers: []corev1.Container{newContainer("server", 1)},
		}}
		socket := filepath.Join(must(os.MkdirTemp(dir, "plugins")), "kubelet.sock")
		// start starts a manager as the kubelet does, with the containers that it finds in the runtime.
		start := func(isReady bool, containers containermap.ContainerMap, running ...string) *devicemanager.ManagerImpl {
			// A kubelet that has just started has not read all pods yet.
			ready := config.NewSourcesReady(func(sets.Set[string]) bool { return isReady })
			manager := must(newManager(log, socket, []machine.Node{{Id: 0}}, topologymanager.NewFakeManager(log)))
			must(0, manager.Start(log, func() []*corev1.Pod { return []*corev1.Pod{pod} }, ready, containers, sets.New(running...)))
			return manager
		}
		admit := func(manager *devicemanager.ManagerImpl) error {
			for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				if err := manager.Allocate(ctx, pod, &container, lifecycle.AddOperation); err != nil {
					return fmt.Errorf("container %s: %w", container.Name, err)
				}
			}
			return nil
		}
		fmt.Printf("%d devices in the init container:\n", inInit)
		first := start(true, containermap.NewContainerMap())
		must(0, first.PluginConnected(ctx, npu, connected{}))
		first.PluginListAndWatchReceiver(log, npu, &plugin.ListAndWatchResponse{Devices: []*plugin.Device{{ID: "npu0", Health: plugin.Healthy}}})
		fmt.Println("  the pod is created:", admit(first))
		containers := containermap.NewContainerMap()
		containers.Add("a", "compile", "id-compile")
		containers.Add("a", "server", "id-server")
		fmt.Println("  the kubelet restarts:", admit(start(false, containers, "id-server")))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
0 devices in the init container:
  the pod is created: <nil>
  the kubelet restarts: <nil>
1 devices in the init container:
  the pod is created: <nil>
  the kubelet restarts: container compile: no healthy devices present; cannot allocate unhealthy devices example.com/npu
OUT
echo 'as described'
