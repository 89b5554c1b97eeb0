// Package cdi tells container runtimes about the devices through a CDI specification.
//
// Steps: make a specification of what is in the inventory, and replace the file with
// it when it says something new.
//
// Invariants: a runtime sees the old file or the new one, never a part of one; the
// file outlives the plugin, because a container may restart while the plugin is
// away; a device without nodes is left out, since CDI knows no device without edits,
// and whoever grants it names none.
//
// It decides nothing about health: the kubelet does not ask for an unhealthy device.
package cdi

import (
	specs "tags.cncf.io/container-device-interface/specs-go"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/discovery"
)

// version is the oldest that has all we use: device names that start with a digit,
// host paths of device nodes, and dots in a kind.
const version = "0.6.0"

// Specification describes the devices to a container runtime.
func Specification(g allocate.Granter, devices []discovery.Device) specs.Spec {
	spec := specs.Spec{Version: version, Kind: g.Resource, ContainerEdits: edits(g.Common())}
	for _, device := range devices {
		if len(device.Nodes) > 0 {
			spec.Devices = append(spec.Devices, specs.Device{Name: device.ID, ContainerEdits: edits(g.Own(device))})
		}
	}
	return spec
}

func edits(e allocate.Edits) specs.ContainerEdits {
	var out specs.ContainerEdits
	for _, node := range e.Nodes {
		out.DeviceNodes = append(out.DeviceNodes, &specs.DeviceNode{Path: node.Container, HostPath: node.Host, Permissions: "rw"})
	}
	for _, mount := range e.Mounts {
		out.Mounts = append(out.Mounts, &specs.Mount{
			ContainerPath: mount.Container, HostPath: mount.Host, Options: []string{"ro", "nosuid", "nodev", "bind"},
		})
	}
	return out
}
