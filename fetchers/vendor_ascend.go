package fetchers

// Ascend describes Huawei's NPU exporter. Its samples carry no node: the scrape adds it.
func Ascend() Vendor {
	labels := commonLabels()
	labels.Device = []string{"id"}
	labels.UUID = []string{"vdie_id"}
	labels.Model = []string{"model_name", "modelName"}
	return Vendor{
		Type: "Ascend", Name: "Huawei", Labels: labels,
		Exporters: []string{"npu-exporter"},
		Metrics: []Metric{
			{Quantity: Utilization, Names: []string{"npu_chip_info_utilization"}, Unit: percent()},
			{Quantity: MemoryUsed, Names: []string{"npu_chip_info_hbm_used_memory"}, Unit: mebibytes()},
			{Quantity: MemoryTotal, Names: []string{"npu_chip_info_hbm_total_memory"}, Unit: mebibytes()},
			{Quantity: Temperature, Names: []string{"npu_chip_info_temperature"}, Unit: plain(), Part: "chip"},
			{Quantity: Power, Names: []string{"npu_chip_info_power"}, Unit: plain(), Part: "chip"},
			{Quantity: HealthState, Names: []string{"npu_chip_info_health_status"}, Unit: plain(), Good: []float64{1}, Reason: "health status"},
		},
	}
}
