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
