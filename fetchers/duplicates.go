package fetchers

import (
	"maps"
	"regexp"
	"strings"
)

// compiledResources are the resources of vendors, by name.
func compiledResources() map[string]*regexp.Regexp {
	resources := map[string]string{}
	for _, vendor := range Vendors() {
		if vendor.Resources != "" {
			resources[vendor.Name] = vendor.Resources
		}
	}
	return compiled(resources)
}

// resourceVendor returns the name of the vendor of an extended resource, or the resource's domain.
func (a *aggregator) resourceVendor(resource string) string {
	if a.resources == nil {
		a.resources = compiledResources()
	}
	for name, resources := range a.resources {
		if resources.MatchString(resource) {
			return name
		}
	}
	domain, _, _ := strings.Cut(resource, "/")
	return domain
}

// dropPluginDuplicates removes the device plugin's devices on nodes where the vendor's exporter reports
// others only: see Vendor.PluginLabel.
func (a *aggregator) dropPluginDuplicates() {
	if a.vendor.PluginLabel == "" {
		return
	}
	exported, common := map[string]bool{}, map[string]bool{} // by node
	for id, builder := range a.builders {
		exported[id.node] = exported[id.node] || builder.exported
		common[id.node] = common[id.node] || builder.exported && builder.plugged
	}
	maps.DeleteFunc(a.builders, func(id identity, builder *deviceBuilder) bool {
		return exported[id.node] && !common[id.node] && !builder.exported
	})
}

// dropDuplicates removes the device plugin's devices on nodes where an exporter of their
// vendor reports devices. The exporter has other ids for them.
func (s *Snapshot) dropDuplicates() {
	type key struct{ node, vendor string }
	exported := map[key]bool{}
	plugin := DevicePlugin().Type
	for _, v := range s.vendors {
		for node, devices := range v.devices {
			for _, status := range devices {
				if v.state.Type != plugin {
					exported[key{node, status.Vendor}] = true
				}
			}
		}
	}
	for i, v := range s.vendors {
		if v.state.Type != plugin {
			continue
		}
		devices, count := Devices{}, 0
		for node, nodeDevices := range v.devices {
			nodeDevices = maps.Clone(nodeDevices)
			maps.DeleteFunc(nodeDevices, func(_ string, status *HardwareDeviceStatus) bool { return exported[key{node, status.Vendor}] })
			if count += len(nodeDevices); len(nodeDevices) > 0 {
				devices[node] = nodeDevices
			}
		}
		s.vendors[i].devices, s.vendors[i].state.Devices = devices, count
	}
}
