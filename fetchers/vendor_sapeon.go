package fetchers

// Sapeon describes the X330: the vendor's exporter, which has two temperatures and a power
// and little else, and NuFi's device plugin, which knows health and holder.
func Sapeon() Vendor {
	labels := commonLabels()
	labels.Device = []string{"device", "device_id", "npu", "id"}
	labels.Model = []string{"model", "product"}
	return Vendor{
		Type: "Sapeon", Name: "Sapeon", Model: "X330", Labels: labels,
		Exporters: []string{"sapeon-exporter", "nufi-deviceplugin"},
		Metrics: []Metric{
			{Quantity: Temperature, Names: []string{"sapeon_t1_celsius", "sapeon_t1", "t1"}, Unit: plain(), Part: "t1"},
			{Quantity: Temperature, Names: []string{"sapeon_t2_celsius", "sapeon_t2", "t2"}, Unit: plain(), Part: "t2"},
			{Quantity: Power, Names: []string{"sapeon_p1_watts", "sapeon_p1", "p1"}, Unit: plain(), Part: "p1"},
			// A suspect device still serves; one that recovers does not yet.
			{
				Quantity: HealthState, Names: []string{"nufi_deviceplugin_device_state"}, Unit: plain(),
				StateLabel: "state", GoodStates: []string{"Healthy", "Suspect"}, ReasonLabel: "reason",
			},
			{Quantity: Holder, Names: []string{"nufi_deviceplugin_device_allocated"}, Unit: plain()},
		},
	}
}
