// Package discovery finds the accelerators of a host in its sysfs.
//
// Steps: list the functions on the PCI bus, keep those that the description
// selects, resolve each one's place in the machine and its device nodes.
//
// Invariants: an ID is the PCI address, which survives reboots and driver reloads,
// unlike an index in /dev; a scan is sorted by ID and has no ID twice; one odd
// device never hides another; what is unknown is said to be unknown, not guessed.
//
// It knows nothing of kubelets, health or time.
package discovery

import "slices"

// NoNUMANode says that the machine does not tell a device's NUMA node.
const NoNUMANode = -1

// Device is one accelerator.
type Device struct {
	// ID is the PCI address: 0000:3b:00.0.
	ID string
	// Dir is the device's own directory below the host's root, links resolved:
	// sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0.
	Dir string
	// Driver is the kernel driver bound to it, or empty.
	Driver string
	// UUID is the vendor's identity of the card, or empty.
	UUID string
	// NUMANode is NoNUMANode or the node's number.
	NUMANode int
	// Root is the PCIe root complex, such as pci0000:3a, or empty.
	Root string
	// Nodes are the device's own nodes, /dev/..., sorted: those it should have, be
	// they there or not.
	Nodes []string
}

// Equal says whether two scans saw the same device the same way.
func (d Device) Equal(other Device) bool {
	return d.ID == other.ID && d.Dir == other.Dir && d.Driver == other.Driver && d.UUID == other.UUID &&
		d.NUMANode == other.NUMANode && d.Root == other.Root && slices.Equal(d.Nodes, other.Nodes)
}
