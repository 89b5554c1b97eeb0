#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: the kubelet's pod-resources API lists a device once for each of its NUMA nodes.
#
# Expected: a container has an entry, or an id in one, for each device that it holds, whatever the device's topology. Where the kubelet
# aligns devices with CPUs, a device with an empty topology is one without topology.
# Observed: a device whose plugin reports two NUMA nodes is in the list twice, so that a sum of the ids counts it twice. A device
# whose plugin reports a topology without nodes, as one does that leaves out the node -1 of a virtual machine, is in no list: it is held
# and seems to be free. A plugin must report no topology at all.
#
# The program calls the kubelet's own conversion, which List, Get and GetAllocatableResources use. It compiles the kubelet's container
# manager, which takes minutes where it is not cached.
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
	_ "unsafe" // for go:linkname

	plugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
	_ "k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
)

// entries are those of a container that holds these devices.
//
//go:linkname entries k8s.io/kubernetes/pkg/kubelet/cm.containerDevicesFromResourceDeviceInstances
func entries(devicemanager.ResourceDeviceInstances) []*podresources.ContainerDevices

func main() {
	for _, topology := range []struct {
		title string
		value *plugin.TopologyInfo
	}{
		{"no topology", nil},
		{"NUMA node 0", &plugin.TopologyInfo{Nodes: []*plugin.NUMANode{{ID: 0}}}},
		{"NUMA nodes 0 and 1", &plugin.TopologyInfo{Nodes: []*plugin.NUMANode{{ID: 0}, {ID: 1}}}},
		{"a topology without nodes", &plugin.TopologyInfo{}},
	} {
		device := &plugin.Device{ID: "0000:3b:00.0", Health: plugin.Healthy, Topology: topology.value}
		var ids []string
		for _, entry := range entries(devicemanager.ResourceDeviceInstances{"example.com/npu": {device.ID: device}}) {
			ids = append(ids, entry.GetDeviceIds()...)
		}
		fmt.Printf("%s: %v\n", topology.title, ids)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o finding . > build.log 2>&1 || { cat build.log; exit 1; }
./finding > output
cat output
diff - output <<'OUT'
no topology: [0000:3b:00.0]
NUMA node 0: [0000:3b:00.0]
NUMA nodes 0 and 1: [0000:3b:00.0 0000:3b:00.0]
a topology without nodes: []
OUT
echo 'as described'
