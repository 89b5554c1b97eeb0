package fetchers

// Furiosa describes Furiosa's metrics exporter. The one for Warboy has millidegrees and
// microwatts under the names that the one for RNGD has degrees and watts under.
func Furiosa() Vendor {
	labels := commonLabels()
	labels.Model = []string{"arch"}
	return Vendor{
		Type: "Furiosa", Name: "FuriosaAI", Labels: labels,
		Exporters: []string{"furiosa-metrics-exporter"},
		Metrics: []Metric{
			{Quantity: Utilization, Names: []string{"furiosa_npu_core_utilization"}, Unit: percent(), PartLabel: "core"},
			{Quantity: MemoryUsed, Names: []string{"furiosa_npu_dram_usage"}, Unit: plain()},
			{Quantity: MemoryTotal, Names: []string{"furiosa_npu_dram_total"}, Unit: plain()},
			{Quantity: Temperature, Names: []string{"furiosa_npu_hw_temperature"}, Unit: celsiusOrThousands(), PartLabel: "label"},
			{Quantity: Power, Names: []string{"furiosa_npu_hw_power"}, Unit: wattsOrThousands(), PartLabel: "label"},
			{Quantity: HealthState, Names: []string{"furiosa_npu_alive"}, Unit: plain(), Good: []float64{1}, Reason: "alive"},
		},
	}
}
