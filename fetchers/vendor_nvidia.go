package fetchers

// NVIDIA describes the DCGM exporter.
func NVIDIA() Vendor {
	labels := commonLabels()
	labels.Device = []string{"device", "gpu"}
	labels.Partition = []string{"GPU_I_ID"}
	labels.Model = []string{"modelName"}
	return Vendor{
		Type: "GPU", Name: "NVIDIA", Labels: labels,
		Exporters: []string{"dcgm-exporter", "nvidia-dcgm-exporter"},
		Metrics: []Metric{
			{Quantity: Utilization, Names: []string{"DCGM_FI_DEV_GPU_UTIL"}, Unit: percent()},
			// The one that a partition (MIG) has.
			{Quantity: Utilization, Names: []string{"DCGM_FI_PROF_GR_ENGINE_ACTIVE"}, Unit: plain()},
			{Quantity: MemoryUsed, Names: []string{"DCGM_FI_DEV_FB_USED"}, Unit: mebibytes()},
			{Quantity: MemoryFree, Names: []string{"DCGM_FI_DEV_FB_FREE"}, Unit: mebibytes()},
			{Quantity: MemoryReserved, Names: []string{"DCGM_FI_DEV_FB_RESERVED"}, Unit: mebibytes()},
			{Quantity: Temperature, Names: []string{"DCGM_FI_DEV_GPU_TEMP"}, Unit: plain(), Part: "gpu"},
			{Quantity: Temperature, Names: []string{"DCGM_FI_DEV_MEMORY_TEMP"}, Unit: plain(), Part: "memory"},
			{Quantity: Power, Names: []string{"DCGM_FI_DEV_POWER_USAGE"}, Unit: plain(), Part: "board"},
			// The last XID. These are the application's own faults, which leave the GPU usable.
			{
				Quantity: HealthState, Names: []string{"DCGM_FI_DEV_XID_ERRORS"}, Unit: plain(),
				Good: []float64{0, 13, 31, 43, 45, 68, 109}, Reason: "XID",
			},
		},
	}
}
