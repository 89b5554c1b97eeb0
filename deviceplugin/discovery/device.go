// Package discovery finds the accelerators of a host in its sysfs.
//
// Steps: list the functions on the PCI bus, select those of the description, resolve
// each one's place in the machine and its device nodes.
//
// Invariants: an ID is the PCI address, which survives reboots and driver reloads,
// unlike an index in /dev; a scan is sorted by ID and has no duplicates; a malformed
// device does not hide another; an unreadable property is reported as unknown.
//
// It imports no kubelet types, no health and no clock.
package discovery

import (
	"path"
	"slices"
)

// NoNUMANode is the NUMANode of a device whose NUMA node is unknown.
const NoNUMANode = -1

// Device is one accelerator.
type Device struct {
	// ID is the PCI address, 0000:3b:00.0, and of a partition also its number:
	// 0000:3b:00.0-1.
	ID string
	// Dir is the device's own directory below the host's root, links resolved:
	// sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0.
	Dir string
	// Physical is the ID of a virtual function's physical function (SR-IOV), or empty.
	Physical string
	// Driver is the kernel driver bound to it, or empty.
	Driver string
	// UUID is the vendor's identity of the card, or empty.
	UUID string
	// NUMANode is NoNUMANode or the node's number.
	NUMANode int
	// Root is the PCIe root complex, such as pci0000:3a, or empty.
	Root string
	// Nodes are the device's expected nodes, /dev/..., sorted, including missing ones.
	Nodes []string
}

// Name is the name of the device's first node, such as rbln0, by which vendors' exporters
// call a device. It may change when the driver is loaded again.
func (d Device) Name() string {
	if len(d.Nodes) == 0 {
		return ""
	}
	return path.Base(d.Nodes[0])
}

// Equal reports whether two scans yielded the same device unchanged.
func (d Device) Equal(other Device) bool {
	return d.ID == other.ID && d.Dir == other.Dir && d.Physical == other.Physical && d.Driver == other.Driver &&
		d.UUID == other.UUID && d.NUMANode == other.NUMANode && d.Root == other.Root && slices.Equal(d.Nodes, other.Nodes)
}
