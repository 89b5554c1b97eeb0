#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a device without topology cannot be aligned as soon as another device of its resource has one.
#
# Expected: a device whose plugin reports no topology has no preference, so that it fits with any NUMA node, whatever other devices report.
# A node with two free devices admits a pod that requests two.
# Observed: that holds only if no device of the resource has a topology. If one has, the others count on no NUMA node: with the policies
# single-numa-node and restricted, a pod that needs one of them fails with TopologyAffinityError although the devices are free and the
# scheduler counts them. The plugin must report a topology for all devices of a node or for none.
#
# The program passes devices to the kubelet's device manager and merges its hints by the kubelet's policies. It compiles these parts of
# the kubelet, which takes minutes where they are not cached.
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
	"fmt"
	"os"
	"path/filepath"
	_ "unsafe" // for go:linkname

	machine "github.com/google/cadvisor/lib/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"
	plugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
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

func main() {
	dir, log, nodes, none := must(os.Getwd()), klog.Logger{}, []machine.Node{{Id: 0}, {Id: 1}}, topologymanager.PolicyOptions{}
	numa := must(topologymanager.NewNUMAInfo(nodes, none))
	policies := []topologymanager.Policy{
		topologymanager.NewSingleNumaNodePolicy(numa, none), topologymanager.NewRestrictedPolicy(numa, none), topologymanager.NewBestEffortPolicy(numa, none),
	}
	topology := &plugin.TopologyInfo{Nodes: []*plugin.NUMANode{{ID: 0}}}
	for _, device := range []struct {
		title string
		first *plugin.TopologyInfo
	}{{"both devices without topology", nil}, {"one device with topology", topology}} {
		manager := must(newManager(log, filepath.Join(must(os.MkdirTemp(dir, "plugins")), "kubelet.sock"), nodes, topologymanager.NewFakeManager(log)))
		manager.PluginListAndWatchReceiver(log, "example.com/npu", &plugin.ListAndWatchResponse{Devices: []*plugin.Device{
			{ID: "a", Health: plugin.Healthy, Topology: device.first}, {ID: "b", Health: plugin.Healthy},
		}})
		container := corev1.Container{Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"example.com/npu": resource.MustParse("2")}}}
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}
		hints := manager.GetTopologyHints(log, pod, &container, lifecycle.AddOperation)
		fmt.Println(device.title)
		for _, policy := range policies {
			_, admitted := policy.Merge(log, []map[string][]topologymanager.TopologyHint{hints})
			fmt.Printf("  %s admits a pod with 2 devices: %t\n", policy.Name(), admitted)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
both devices without topology
  single-numa-node admits a pod with 2 devices: true
  restricted admits a pod with 2 devices: true
  best-effort admits a pod with 2 devices: true
one device with topology
  single-numa-node admits a pod with 2 devices: false
  restricted admits a pod with 2 devices: false
  best-effort admits a pod with 2 devices: true
OUT
echo 'as described'
