// Package cdi describes the devices to container runtimes in a CDI specification.
//
// Steps: build a specification from the inventory, and replace the file if it changed.
//
// Invariants: a runtime reads the old file or the new one, never a part of one; the
// file outlives the plugin, because a container may restart while the plugin is down;
// a device without nodes is left out, since CDI has no devices without edits.
//
// It does not evaluate health: the kubelet does not allocate an unhealthy device.
package cdi

import (
	specs "tags.cncf.io/container-device-interface/specs-go"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/discovery"
)

// specVersion is the oldest with all features in use: device names that start with a digit,
// host paths of device nodes, and dots in a kind.
const specVersion = "0.6.0"

// Specification describes the devices to a container runtime.
func Specification(g allocate.Granter, devices []discovery.Device) specs.Spec {
	spec := specs.Spec{Version: specVersion, Kind: g.Resource, ContainerEdits: edits(g, g.Common())}
	for _, device := range devices {
		if len(device.Nodes) > 0 {
			spec.Devices = append(spec.Devices, specs.Device{Name: device.ID, ContainerEdits: edits(g, g.Own(device))})
		}
	}
	return spec
}

func edits(g allocate.Granter, e allocate.Edits) specs.ContainerEdits {
	var out specs.ContainerEdits
	for _, node := range e.Nodes {
		out.DeviceNodes = append(out.DeviceNodes, &specs.DeviceNode{
			Path: node.Container, HostPath: g.HostPrefix + g.Target(node.Container), Permissions: "rw",
		})
	}
	for _, mount := range e.Mounts {
		access := "rw"
		if mount.ReadOnly {
			access = "ro"
		}
		out.Mounts = append(out.Mounts, &specs.Mount{
			ContainerPath: mount.Container, HostPath: mount.Host, Options: []string{access, "nosuid", "nodev", "bind"},
		})
	}
	return out
}
