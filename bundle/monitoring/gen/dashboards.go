package main

func dashboards() []dashboard { return []dashboard{fleet(), deployment(), controller()} }

func fleet() dashboard {
	const on = `{type=~"$type",node=~"$node"}`
	used := `count(nufi:device_allocated:bool` + on + ` == 1) or vector(0)`
	free := `count(nufi:device_allocated:bool` + on + ` == 0) or vector(0)`
	return newDashboard("nufi-fleet", "NuFi / Fleet", "The accelerators of all vendors in the cluster.",
		[]variable{
			choice("type", "Type", "label_values(nufi:device_allocated:bool, type)"),
			choice("node", "Node", `label_values(nufi:device_allocated:bool{type=~"$type"}, node)`),
		},
		[]panel{
			stat("Devices", "Devices that an exporter reports.", "short", line{`count(nufi:device_allocated:bool` + on + `) or vector(0)`, "devices"}),
			stat("Free", "Devices that are not allocated to a pod.", "short", line{free, "free"}),
			stat("Unhealthy", "Devices that report an error.", "short", line{`count(nufi:device_healthy:bool` + on + ` == 0) or vector(0)`, "unhealthy"}),
			stat("Power", "The sum over all power rails; those of one device may overlap.", "watt", line{`sum(max by (type, node, device) (nufi:device_power:watts` + on + `))`, "power"}),
		},
		[]panel{heatmap("Utilisation by device", "A row is a device: blue is idle, red is busy, a gap has no data.", "percentunit", 1,
			line{`nufi:device_utilization:ratio` + on, "{{node}} {{device}}"})},
		[]panel{
			stacked("Used and free devices", "Used devices are allocated to a pod.", "short", line{used, "used"}, line{free, "free"}),
			stacked("Devices by project", "A project is a namespace.", "short",
				line{`count by (namespace) (nufi:device_allocated:bool` + on + ` == 1)`, "{{namespace}}"}),
		},
		[]panel{
			graph("Utilisation by project", "The mean over the devices allocated to the project.", "percentunit",
				line{`avg by (namespace) (nufi:device_utilization:ratio{type=~"$type",node=~"$node",namespace!=""})`, "{{namespace}}"}),
			graph("Memory used by node", "", "bytes", line{`sum by (node) (nufi:device_memory_used:bytes` + on + `)`, "{{node}}"}),
		},
		[]panel{
			graph("Hottest sensor by node", "", "celsius", line{`max by (node) (nufi:device_temperature:celsius` + on + `)`, "{{node}}"}),
			graph("Unhealthy devices", "", "short", line{`nufi:device_healthy:bool` + on + ` == 0`, "{{node}} {{device}}"}),
		},
	)
}

func deployment() dashboard {
	const of = `{namespace=~"$namespace",npudeploy=~"$npudeploy"}`
	owned := func(series string) string {
		return series + ` * on (namespace, pod) group_left (npudeploy) nufi:deploy_pod:info` + of
	}
	return newDashboard("nufi-deployment", "NuFi / Deployment", "The requests of an NpuDeploy, and its devices.",
		[]variable{
			choice("namespace", "Project", "label_values(nufi:deploy_requests_running:sum, namespace)"),
			choice("npudeploy", "NpuDeploy", `label_values(nufi:deploy_requests_running:sum{namespace=~"$namespace"}, npudeploy)`),
		},
		[]panel{
			graph("Requests", "Running and waiting, over all pods.", "short",
				line{"nufi:deploy_requests_running:sum" + of, "running {{npudeploy}}"},
				line{"nufi:deploy_requests_waiting:sum" + of, "waiting {{npudeploy}}"}),
			graph("Time to first token", "Over five minutes.", "s",
				line{"nufi:deploy_time_to_first_token_seconds:p50_5m" + of, "p50 {{npudeploy}}"},
				line{"nufi:deploy_time_to_first_token_seconds:p95_5m" + of, "p95 {{npudeploy}}"}),
		},
		[]panel{
			graph("Tokens", "Per second, over five minutes.", "short",
				line{"nufi:deploy_generation_tokens:rate5m" + of, "generated {{npudeploy}}"},
				line{"nufi:deploy_prompt_tokens:rate5m" + of, "prompt {{npudeploy}}"}),
			graph("Time between tokens", "Over five minutes.", "s",
				line{"nufi:deploy_inter_token_seconds:p95_5m" + of, "p95 {{npudeploy}}"}),
		},
		[]panel{
			graph("KV cache", "The pod with the highest usage. At 100% requests wait.", "percentunit", line{"nufi:deploy_kv_cache_usage:max" + of, "{{npudeploy}}"}),
			graph("End to end", "Over five minutes.", "s", line{"nufi:deploy_request_seconds:p95_5m" + of, "p95 {{npudeploy}}"}),
		},
		[]panel{
			graph("Device utilisation", "The devices allocated to its pods.", "percentunit", line{owned("nufi:device_utilization:ratio"), "{{pod}} {{device}}"}),
			graph("Device memory", "The devices allocated to its pods.", "bytes", line{owned("nufi:device_memory_used:bytes"), "{{pod}} {{device}}"}),
		},
	)
}

func controller() dashboard {
	return newDashboard("nufi-controller", "NuFi / Controller", "Renders, applies, reconciles and the queue.", nil,
		[]panel{
			stat("NpuDeploys ready", "", "short", line{`max(sum by (pod) (nufi_npudeploys{ready="true"})) or vector(0)`, "ready"}),
			stat("NpuDeploys not ready", "", "short", line{`max(sum by (pod) (nufi_npudeploys{ready="false"})) or vector(0)`, "not ready"}),
			stat("Templates rejected", "In the last hour. The previous templates stay in use.", "short", line{`sum(increase(nufi_templates_rejected_total[1h]))`, "rejected"}),
			stat("Templates", "The number of digests in use: more than one only while replicas load new templates.", "short", line{`count(count by (digest) (nufi_templates_info))`, "digests"}),
		},
		[]panel{
			stacked("Not ready, by reason", "The reason of condition Ready. The accelerator is none before a spec is read.", "short",
				line{`max by (accelerator, reason) (nufi_npudeploys{ready="false"})`, "{{accelerator}} {{reason}}"}),
		},
		[]panel{
			graph("Renders", "Per second, by outcome.", "ops", line{`sum by (reason) (rate(nufi_renders_total[$__rate_interval]))`, "{{reason}}"}),
			graph("Render duration", "", "s", quantiles("nufi_render_seconds", "job")...),
		},
		[]panel{
			graph("Applied objects", "Per second, by result. Without changes all are unchanged.", "ops", line{`sum by (result) (rate(nufi_applies_total[$__rate_interval]))`, "{{result}}"}),
			graph("Drift corrected", "Changes by other managers. A constant rate is contention.", "ops", line{`sum by (kind) (rate(nufi_drift_healed_total[$__rate_interval]))`, "{{kind}}"}),
		},
		[]panel{
			graph("Reconciles", "", "ops", line{`sum by (controller, result) (rate(controller_runtime_reconcile_total[$__rate_interval]))`, "{{controller}} {{result}}"}),
			graph("Reconcile duration", "", "s", quantiles("controller_runtime_reconcile_time_seconds", "controller")...),
		},
		[]panel{
			graph("Queue", "Waiting for a worker.", "short", line{`max by (name) (sum by (pod, name) (workqueue_depth{job="nufi-controller"}))`, "{{name}}"}),
			graph("Memory", "Resident, by pod.", "bytes", line{`process_resident_memory_bytes{job="nufi-controller"}`, "{{pod}}"}),
		},
	)
}
