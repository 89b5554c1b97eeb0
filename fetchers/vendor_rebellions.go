package fetchers

// Rebellions describes the RBLN metrics exporter. Memory was in GiB before December 2025,
// and temperature and power are off by powers of a thousand where exporter and driver are
// of different generations.
func Rebellions() Vendor {
	labels := commonLabels()
	labels.Device = []string{"name", "device"}
	labels.Model = []string{"card"}
	return Vendor{
		Type: "RBLN", Name: "Rebellions", Labels: labels,
		Exporters: []string{"rbln-metrics-exporter"},
		Metrics: []Metric{
			{
				Quantity: Utilization, Unit: percent(),
				Names: []string{"rbln_npu_utilization", "RBLN_DEVICE_STATUS:UTILIZATION", "rbln_device_utilization"},
			},
			{
				Quantity: MemoryUsed, Unit: bytesOrGibibytes(),
				Names: []string{"rbln_npu_memory_used", "RBLN_DEVICE_STATUS:DRAM_USED"},
			},
			{
				Quantity: MemoryTotal, Unit: bytesOrGibibytes(),
				Names: []string{"rbln_npu_memory_total", "RBLN_DEVICE_STATUS:DRAM_TOTAL"},
			},
			{
				Quantity: Temperature, Unit: celsiusOrThousands(), Part: "npu",
				Names: []string{"rbln_npu_temperature", "RBLN_DEVICE_STATUS:TEMPERATURE", "rbln_device_temperature"},
			},
			{
				Quantity: Power, Unit: wattsOrThousands(), Part: "card",
				Names: []string{"rbln_npu_power", "RBLN_DEVICE_STATUS:CARD_POWER"},
			},
			// 0 is active.
			{
				Quantity: HealthState, Unit: plain(), Good: []float64{0}, Reason: "health status",
				Names: []string{"rbln_npu_health", "RBLN_DEVICE_STATUS:HEALTH"},
			},
		},
	}
}
