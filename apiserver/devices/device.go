package devices

import (
	"github.com/dudaji/nufi/fetchers"
)

// addDevice assigns a device of an exporter to its node.
func (inv *Inventory) addDevice(status *fetchers.HardwareDeviceStatus, families map[string]bool) {
	family := status.Type
	if !families[family] { // that of a description
		family = fetchers.DevicePlugin().Type
	}
	n := inv.nodes[status.Node]
	device := Device{
		ID: status.DeviceID, Family: family, Type: inv.typeOf(status.Vendor, n),
		Vendor: status.Vendor, Model: status.Model, UUID: status.UUID, Node: status.Node,
		Utilization: status.Utilization, MemoryUsed: status.MemoryUsed, MemoryTotal: status.MemoryTotal,
		Temperatures: status.Temperatures, Power: status.Power,
		Partitioned: status.Partitioned, Stale: status.Stale, Time: status.Time,
	}
	if status.Health != nil {
		device.Health = &Health{Healthy: status.Health.Healthy, Reason: status.Health.Reason}
	}
	if status.Pod != nil {
		pod := Pod{Namespace: status.Pod.Namespace, Name: status.Pod.Name}
		if holder, ok := inv.holders[pod]; ok {
			pod = holder
		}
		device.Pod = &pod
	}
	if n == nil {
		inv.unplaced = append(inv.unplaced, device)
		return
	}
	n.devices = append(n.devices, device)
}

// typeOf returns the vendor's only type on the node, or in the catalogue: exporters do not
// report Kubernetes' resource names. It returns "" if there are several.
func (inv *Inventory) typeOf(vendor string, n *node) string {
	var catalogued, present []string
	for i := range inv.Catalogue.Accelerators {
		kind := &inv.Catalogue.Accelerators[i]
		if kind.Vendor != vendor || kind.VariantOf != "" {
			continue
		}
		catalogued = append(catalogued, kind.Name)
		if n != nil && n.counts[kind.Name] != nil {
			present = append(present, kind.Name)
		}
	}
	switch {
	case len(present) == 1:
		return present[0]
	case len(present) == 0 && len(catalogued) == 1:
		return catalogued[0]
	}
	return ""
}
