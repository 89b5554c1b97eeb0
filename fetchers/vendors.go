package fetchers

// NVIDIA describes dcgm-exporter with its default counters. Under MIG it repeats the values of
// the board in the series of each instance (dcgm-exporter #353).
func NVIDIA() Vendor {
	labels := commonLabels()
	labels.Device = []string{"device", "gpu"}
	labels.Partition = []string{"GPU_I_ID"}
	labels.Model = []string{"modelName"}
	return Vendor{
		Type: "GPU", Name: "NVIDIA", Labels: labels,
		Exporters: []string{"dcgm-exporter"},
		Resources: `nvidia\.com/.*`,
		Metrics: []Metric{
			{Quantity: Utilization, Names: []string{"DCGM_FI_DEV_GPU_UTIL"}, Unit: percent()},
			// MIG instances have no DCGM_FI_DEV_GPU_UTIL.
			{Quantity: Utilization, Names: []string{"DCGM_FI_PROF_GR_ENGINE_ACTIVE"}, Unit: plain()},
			{Quantity: MemoryUsed, Names: []string{"DCGM_FI_DEV_FB_USED"}, Unit: mebibytes()},
			{Quantity: MemoryFree, Names: []string{"DCGM_FI_DEV_FB_FREE"}, Unit: mebibytes()},
			{Quantity: MemoryReserved, Names: []string{"DCGM_FI_DEV_FB_RESERVED"}, Unit: mebibytes()},
			{Quantity: Temperature, Names: []string{"DCGM_FI_DEV_GPU_TEMP"}, Unit: plain(), Part: "gpu", Whole: true},
			{Quantity: Temperature, Names: []string{"DCGM_FI_DEV_MEMORY_TEMP"}, Unit: plain(), Part: "memory", Whole: true, ZeroIsAbsent: true},
			{Quantity: Power, Names: []string{"DCGM_FI_DEV_POWER_USAGE"}, Unit: plain(), Part: "board", Whole: true},
			// The last XID. NVIDIA's catalogue of XID errors has no action for these, or
			// to restart the application: 63 is a recorded row remapping, 92 a corrected ECC
			// error, 94 a contained one.
			{
				Quantity: HealthState, Names: []string{"DCGM_FI_DEV_XID_ERRORS"}, Unit: plain(), Reason: "XID", ReasonLabel: "err_msg",
				Good: []string{"0", "8", "11", "13", "31", "43", "45", "63", "68", "92", "94", "109"},
			},
		},
	}
}

// Rebellions describes the RBLN metrics exporter, as of v0.3.1 (its metrics reference). Memory was in GiB before
// December 2025, and temperature and power differ by powers of a thousand if exporter and
// driver are of different generations. A virtual function (rbln0vf0)
// repeats the power of its card.
func Rebellions() Vendor {
	labels := commonLabels()
	labels.Device = []string{"name", "device"}
	labels.Model = []string{"card"}
	return Vendor{
		Type: "RBLN", Name: "Rebellions", Labels: labels,
		Exporters: []string{"rbln-metrics-exporter"},
		Resources: `rebellions\.ai/.*`,
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
				Quantity: Power, Unit: wattsOrThousands(), Part: "card", Ignore: map[string]string{"name": ".*vf.*"},
				Names: []string{"rbln_npu_power", "RBLN_DEVICE_STATUS:CARD_POWER"},
			},
			// 0 is active.
			{
				Quantity: HealthState, Unit: plain(), Good: []string{"0"}, Reason: "health status",
				Names: []string{"rbln_npu_health", "RBLN_DEVICE_STATUS:HEALTH"},
			},
			// One series for each state of the device's state machine, since v0.3.0.
			{
				Quantity: HealthState, Unit: plain(), StateLabel: "state", Reason: "device status",
				Names: []string{"rbln_npu_device_status"},
				Good:  []string{"ready", "busy", "finish"}, Ignored: []string{"init"},
			},
		},
	}
}

// Sapeon describes the X330: the vendor's exporter, which has two temperatures and a power, and
// NuFi's device plugin, which has health and holder. The plugin's series of other accelerators
// have another resource. The short names of the vendor's exporter are common words, so they count only
// in a job of its name.
func Sapeon() Vendor {
	labels := commonLabels()
	labels.Device = []string{"device", "device_id", "npu", "id"}
	labels.Model = []string{"model", "product"}
	own := map[string]string{"job": ".*(sapeon|x330).*"}
	return Vendor{
		Type: "Sapeon", Name: "Sapeon", Model: "X330", Labels: labels,
		Exporters:   []string{"sapeon-exporter", "nufi-deviceplugin"},
		PluginLabel: "resource",
		Metrics: append([]Metric{
			{Quantity: Temperature, Names: []string{"sapeon_t1_celsius", "sapeon_t1"}, Unit: plain(), Part: "t1"},
			{Quantity: Temperature, Names: []string{"t1"}, Unit: plain(), Part: "t1", Match: own},
			{Quantity: Temperature, Names: []string{"sapeon_t2_celsius", "sapeon_t2"}, Unit: plain(), Part: "t2"},
			{Quantity: Temperature, Names: []string{"t2"}, Unit: plain(), Part: "t2", Match: own},
			{Quantity: Power, Names: []string{"sapeon_p1_watts", "sapeon_p1"}, Unit: plain(), Part: "p1"},
			{Quantity: Power, Names: []string{"p1"}, Unit: plain(), Part: "p1", Match: own},
		}, pluginMetrics(map[string]string{"resource": x330Resource}, nil)...),
	}
}

// pluginMetrics are the device plugin's metrics of some resources. A suspect device still
// serves; a recovering one does not yet. Unknown is no data.
func pluginMetrics(match, except map[string]string) []Metric {
	return []Metric{
		{
			Quantity: HealthState, Names: []string{"nufi_deviceplugin_device_state"}, Unit: plain(), Match: match, Except: except,
			StateLabel: "state", Good: []string{"Healthy", "Suspect"}, Ignored: []string{"Unknown"}, ReasonLabel: "reason",
		},
		{Quantity: Holder, Names: []string{"nufi_deviceplugin_device_allocated"}, Unit: plain(), Match: match, Except: except},
	}
}

// x330Resource also matches series without a resource.
const x330Resource = `(sapeon\.com/.*)?`

// DevicePlugin describes the accelerators that only NuFi's device plugin reports. The plugin's
// description states their type and model.
func DevicePlugin() Vendor {
	labels := commonLabels()
	labels.Type, labels.Resource, labels.Model = []string{"type"}, []string{"resource"}, []string{"model"}
	sapeon := map[string]string{"resource": x330Resource}
	return Vendor{
		Type: "DevicePlugin", Labels: labels,
		Exporters: []string{"nufi-deviceplugin"},
		Metrics: append(pluginMetrics(nil, sapeon),
			Metric{Quantity: TypeInfo, Names: []string{"nufi_deviceplugin_device_info"}, Unit: plain(), Except: sapeon}),
	}
}

// Furiosa describes Furiosa's metrics exporter, chart 0.1.2. The one for Warboy has
// millidegrees and microwatts under the names of the one for RNGD. A core that several
// containers share has a series for each.
func Furiosa() Vendor {
	labels := commonLabels()
	labels.Model = []string{"arch"}
	return Vendor{
		Type: "Furiosa", Name: "FuriosaAI", Labels: labels,
		Exporters: []string{"furiosa-metrics-exporter"},
		Resources: `(.+\.)?furiosa\.ai/.*`,
		Metrics: []Metric{
			{Quantity: Utilization, Names: []string{"furiosa_npu_core_utilization"}, Unit: percent(), PartLabel: "core"},
			{Quantity: MemoryUsed, Names: []string{"furiosa_npu_dram_usage"}, Unit: plain()},
			{Quantity: MemoryTotal, Names: []string{"furiosa_npu_dram_total"}, Unit: plain()},
			{Quantity: Temperature, Names: []string{"furiosa_npu_hw_temperature"}, Unit: celsiusOrThousands(), PartLabel: "label"},
			{Quantity: Power, Names: []string{"furiosa_npu_hw_power"}, Unit: wattsOrThousands(), PartLabel: "label"},
			{Quantity: HealthState, Names: []string{"furiosa_npu_alive"}, Unit: plain(), Good: []string{"1"}, Reason: "alive"},
		},
	}
}

// Ascend describes Huawei's NPU exporter. Its samples have no node: the
// scrape adds it. The 310 and 310P have DDR memory, the 910 has HBM and reports 0 for DDR.
func Ascend() Vendor {
	labels := commonLabels()
	labels.Device = []string{"id"}
	labels.UUID = []string{"vdie_id"}
	labels.Model = []string{"model_name", "modelName"}
	return Vendor{
		Type: "Ascend", Name: "Huawei", Labels: labels,
		Exporters: []string{"npu-exporter"},
		Resources: `huawei\.com/.*`,
		Metrics: []Metric{
			{Quantity: Utilization, Names: []string{"npu_chip_info_utilization"}, Unit: percent()},
			{Quantity: MemoryUsed, Names: []string{"npu_chip_info_hbm_used_memory"}, Unit: mebibytes(), ZeroIsAbsent: true},
			{Quantity: MemoryUsed, Names: []string{"npu_chip_info_used_memory"}, Unit: mebibytes()},
			{Quantity: MemoryTotal, Names: []string{"npu_chip_info_hbm_total_memory"}, Unit: mebibytes(), ZeroIsAbsent: true},
			{Quantity: MemoryTotal, Names: []string{"npu_chip_info_total_memory"}, Unit: mebibytes(), ZeroIsAbsent: true},
			{Quantity: Temperature, Names: []string{"npu_chip_info_temperature"}, Unit: plain(), Part: "chip"},
			{Quantity: Power, Names: []string{"npu_chip_info_power"}, Unit: plain(), Part: "chip"},
			{Quantity: HealthState, Names: []string{"npu_chip_info_health_status"}, Unit: plain(), Good: []string{"1"}, Reason: "health status"},
		},
	}
}
