package devices

import (
	"github.com/dudaji/nufi/fetchers"
)

// addDevice places what an exporter says.
func (f *Inventory) addDevice(status *fetchers.HardwareDeviceStatus) {
	n := f.nodes[status.Node]
	device := Device{
		ID: status.DeviceID, Family: status.Type, Type: f.typeOf(status.Vendor, n),
		Vendor: status.Vendor, Model: status.Model, UUID: status.UUID, Node: status.Node,
		Utilization: status.Utilization, MemoryUsed: status.MemoryUsed, MemoryTotal: status.MemoryTotal,
		Temperatures: status.Temperatures, Power: status.Power,
		Stale: status.Stale, Time: status.Time,
	}
	if status.Health != nil {
		device.Health = &Health{Healthy: status.Health.Healthy, Reason: status.Health.Reason}
	}
	if status.Pod != nil {
		pod := Pod{Namespace: status.Pod.Namespace, Name: status.Pod.Name}
		if known, found := f.holders[pod]; found {
			pod = known
		}
		device.Pod = &pod
	}
	if n == nil {
		f.unplaced = append(f.unplaced, device)
		return
	}
	n.devices = append(n.devices, device)
}

// typeOf is the one type of the vendor that the node has, or that there is: an exporter
// does not say what Kubernetes calls a device. It is empty where that leaves several.
func (f *Inventory) typeOf(vendor string, n *node) string {
	var known, here []string
	for i := range f.Catalogue.Accelerators {
		kind := &f.Catalogue.Accelerators[i]
		if kind.Vendor != vendor {
			continue
		}
		known = append(known, kind.Name)
		if n != nil && n.counts[kind.Name] != nil {
			here = append(here, kind.Name)
		}
	}
	switch {
	case len(here) == 1:
		return here[0]
	case len(here) == 0 && len(known) == 1:
		return known[0]
	}
	return ""
}
