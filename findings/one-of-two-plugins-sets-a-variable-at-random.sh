#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: if two resources of a container set the same variable, the kubelet takes one of the values at random.
#
# Expected: where the responses of two device plugins, or of one plugin for two of its resources, disagree on a variable, a device path or a
# mount of the container, the pod is rejected, or one of them has precedence.
# Observed: the kubelet takes the first that it meets in a map, and logs the other. The container starts without an error, with all of the devices, and
# is told of those of one resource; after a restart of the container it can be the other. Variables such as VISIBLE_DEVICES, which plugins
# of one vendor share, need a name for each resource.
#
# The program asks the kubelet's device manager a hundred times. It compiles these parts of the kubelet, which takes minutes where they are not
# cached.
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

// connected is a plugin of one resource, which tells the container the resource's devices.
type connected struct {
	plugin.DevicePluginClient
	resource string
}

func (c connected) API() plugin.DevicePluginClient { return c }
func (c connected) Resource() string               { return c.resource }
func (connected) SocketPath() string               { return "npu.sock" }

func (connected) GetDevicePluginOptions(context.Context, *plugin.Empty, ...grpc.CallOption) (*plugin.DevicePluginOptions, error) {
	return &plugin.DevicePluginOptions{}, nil
}

func (c connected) Allocate(context.Context, *plugin.AllocateRequest, ...grpc.CallOption) (*plugin.AllocateResponse, error) {
	env := map[string]string{"VISIBLE_DEVICES": c.resource}
	return &plugin.AllocateResponse{ContainerResponses: []*plugin.ContainerAllocateResponse{{Envs: env}}}, nil
}

func main() {
	dir, log, ctx, resources := must(os.Getwd()), klog.Logger{}, context.Background(), []string{"example.com/npu", "example.com/npu-half"}
	container := corev1.Container{Name: "a", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{}}}
	for _, name := range resources {
		container.Resources.Limits[corev1.ResourceName(name)] = resource.MustParse("1")
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}
	ready := config.NewSourcesReady(func(sets.Set[string]) bool { return true })
	manager := must(newManager(log, filepath.Join(must(os.MkdirTemp(dir, "plugins")), "kubelet.sock"), []machine.Node{{Id: 0}}, topologymanager.NewFakeManager(log)))
	must(0, manager.Start(log, func() []*corev1.Pod { return []*corev1.Pod{pod} }, ready, containermap.NewContainerMap(), sets.New[string]()))
	for _, name := range resources {
		must(0, manager.PluginConnected(ctx, name, connected{resource: name}))
		manager.PluginListAndWatchReceiver(log, name, &plugin.ListAndWatchResponse{Devices: []*plugin.Device{{ID: name, Health: plugin.Healthy}}})
	}
	must(0, manager.Allocate(ctx, pod, &container, lifecycle.AddOperation))
	variables, values := 0, sets.New[string]()
	for range 100 {
		options := must(manager.GetDeviceRunContainerOptions(ctx, pod, &container))
		variables += len(options.Envs)
		values.Insert(options.Envs[0].Value)
	}
	fmt.Printf("%d starts: %d variables, with the values %v\n", 100, variables, sets.List(values))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
100 starts: 100 variables, with the values [example.com/npu example.com/npu-half]
OUT
echo 'as described'
