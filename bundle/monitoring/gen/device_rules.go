package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudaji/nufi/fetchers"
)

type prometheusRule struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       struct {
		Groups []group `json:"groups"`
	} `json:"spec"`
}

type metadata struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
}

type group struct {
	Name     string `json:"name"`
	Interval string `json:"interval"`
	Rules    []rule `json:"rules"`
}

type rule struct {
	Record string            `json:"record"`
	Expr   string            `json:"expr"`
	Labels map[string]string `json:"labels,omitempty"`
}

// deviceRules returns recording rules that give the metrics of all vendors common names and units,
// as package fetchers does. Each vendor is a group, because Prometheus evaluates the rules of a
// group in order: the names of devices, readings by node and device, holders, results.
func deviceRules(vendors []fetchers.Vendor) prometheusRule {
	rules := prometheusRule{
		APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule",
		Metadata: metadata{Name: "nufi-devices", Namespace: "nufi-system", Labels: map[string]string{"app.kubernetes.io/name": "nufi-monitoring"}},
	}
	for _, vendor := range vendors {
		v := vendorRules{vendor}
		rules.Spec.Groups = append(rules.Spec.Groups, group{
			Name: "nufi-devices-" + strings.ToLower(vendor.Type), Interval: "30s",
			Rules: v.rules(vendors),
		})
	}
	return rules
}

type vendorRules struct{ fetchers.Vendor }

func (v vendorRules) rules(vendors []fetchers.Vendor) []rule {
	rules := slices.Concat(v.names(), v.readings(), v.holders(), v.results())
	if len(v.Labels.Type) > 0 {
		return slices.Concat(untyped(rules), v.types(vendors), typed())
	}
	return rules
}

func (v vendorRules) own() map[string]string { return map[string]string{"type": v.Type} }

func (v vendorRules) level(i int) string { return fmt.Sprintf("node%d", i+1) }

func (v vendorRules) levels() []string {
	levels := make([]string, len(v.Labels.Node))
	for i := range levels {
		levels[i] = v.level(i)
	}
	return levels
}

// names records the labels of all series, and the name (node and device) of each UUID. The name is
// that of the first level at which no other UUID has the same name, and the exporter's before the
// device plugin's.
func (v vendorRules) names() []rule {
	names, ambiguous := v.namesOf("")
	if v.PluginLabel != "" {
		exporter, twice := v.namesOf(`,plugin=""`)
		plugin, pluginTwice := v.namesOf(`,plugin!=""`)
		names, ambiguous = exporter+" or on (uuid) "+plugin, "("+twice+" or "+pluginTwice+")"
	}
	return []rule{
		{Record: "nufi:device_labels:raw", Expr: v.labels(), Labels: v.own()},
		v.sources(),
		{Record: "nufi:device_name:info", Expr: fmt.Sprintf("(%s) unless on (uuid) %s", names, ambiguous), Labels: v.own()},
	}
}

// namesOf returns the names of UUIDs in series with the matchers, and the UUIDs with several devices.
func (v vendorRules) namesOf(source string) (names, ambiguous string) {
	raw := func(matchers string) string {
		return fmt.Sprintf(`nufi:device_labels:raw{type=%q%s%s}`, v.Type, source, matchers)
	}
	claim := func(i int) string {
		return fmt.Sprintf(`group by (type, uuid, node, device) (%s)`,
			renamed(raw(fmt.Sprintf(`,uuid!="",device!="",%s!=""`, v.level(i))), "node", v.level(i)))
	}
	unique, first := make([]string, 0, 2*len(v.Labels.Node)), make([]string, 0, len(v.Labels.Node))
	for i := range v.Labels.Node {
		unique = append(unique, fmt.Sprintf(`topk by (uuid) (1, %s and on (node, device) (count by (node, device) (%s) == 1))`, claim(i), claim(i)))
		first = append(first, fmt.Sprintf(`topk by (uuid) (1, %s)`, claim(i)))
	}
	ambiguous = fmt.Sprintf(`(count by (uuid) (group by (uuid, device) (%s)) > 1)`, raw(`,uuid!="",device!=""`))
	return strings.Join(append(unique, first...), " or on (uuid) "), ambiguous
}

// labels returns the vendor's series, counted by all labels that identify a device or its holder.
func (v vendorRules) labels() string {
	by := slices.Concat([]string{"uuid", "device", "partition", "namespace", "pod", "container", "exporter_pod"}, v.levels())
	if v.PluginLabel != "" {
		by = append(by, "plugin")
	}
	var choices []string
	for _, metric := range v.Metrics {
		for _, name := range metric.Names {
			all := v.identified(selector(name, metric))
			if v.PluginLabel != "" {
				all = renamed(all, "plugin", v.PluginLabel)
			}
			for i, labels := range v.Labels.Node {
				all = node(all, v.level(i), labels)
			}
			all = pick(joined(all, "exporter_pod", []string{"exported_pod", "pod"}), "exporter_pod", "$1", "[^;]+;(.+)|.*")
			all = coalesce(all, "namespace", v.Labels.Namespace)
			all = coalesce(all, "container", v.Labels.Container)
			all = coalesce(all, "pod", v.Labels.Pod)
			choices = append(choices, fmt.Sprintf("count by (%s) (%s)", strings.Join(by, ", "), all))
		}
	}
	return strings.Join(choices, " or ")
}

// sources returns the targets that export the vendor's devices, with the type of the devices.
func (v vendorRules) sources() rule {
	by, own := "job, instance, node", v.own()
	if len(v.Labels.Type) > 0 {
		by, own = by+", type", nil
	}
	var choices []string
	for _, metric := range v.Metrics {
		for _, name := range metric.Names {
			series := node(selector(name, metric), "node", slices.Concat(v.Labels.Node...))
			switch {
			case metric.Quantity == fetchers.TypeInfo:
				series = coalesce(series, "type", slices.Concat(v.Labels.Type, v.Labels.Resource))
			case len(v.Labels.Type) > 0:
				continue // only the info has the type
			}
			choices = append(choices, fmt.Sprintf("group by (%s) (%s)", by, series))
		}
	}
	return rule{Record: "nufi:device_source:info", Expr: strings.Join(choices, " or "), Labels: own}
}

// identified sets the labels uuid, device and partition.
func (v vendorRules) identified(expression string) string {
	expression = coalesce(uuid(expression, v.Labels.UUID), "device", v.Labels.Device)
	if len(v.Labels.Partition) > 0 {
		expression = coalesce(expression, "partition", v.Labels.Partition)
	}
	return expression
}

// located aggregates series by node, device and further labels.
func (v vendorRules) located(aggregate, expression string, metric fetchers.Metric, by ...string) string {
	if len(v.Labels.Partition) > 0 && !metric.Whole {
		by = append(by, "partition")
	}
	with, name := strings.Join(append([]string{"uuid"}, by...), ", "), fmt.Sprintf(`nufi:device_name:info{type=%q}`, v.Type)
	without := strings.Join(append([]string{"node", "device"}, by...), ", ")
	expression = v.identified(expression)
	all := fmt.Sprintf(`%s by (%s) (%s) * on (uuid) group_left (node, device) %s or %s by (%s) (%s unless on (uuid) %s)`,
		aggregate, with, expression, name, aggregate, without, node(expression, "node", slices.Concat(v.Labels.Node...)), name)
	if len(v.Labels.Partition) > 0 && !metric.Whole {
		all = partitioned(all)
		by = by[:len(by)-1]
	}
	return fmt.Sprintf("%s by (%s) (%s)", aggregate, strings.Join(append([]string{"node", "device"}, by...), ", "), all)
}

// readings records bounded values in the quantity's own unit, by node and device. Health is recorded
// as the state that the exporter reports.
func (v vendorRules) readings() []rule {
	var rules []rule
	record := func(v vendorRules, metric fetchers.Metric) {
		if metric.Quantity == fetchers.Holder || metric.Quantity == fetchers.TypeInfo {
			return
		}
		labels := map[string]string{"type": v.Type, "quantity": metric.Quantity.String(), "source": metric.Names[0]}
		if metric.Part != "" {
			labels["part"] = metric.Part
		}
		rules = append(rules, rule{Record: "nufi:device_reading:raw", Expr: v.reading(metric), Labels: labels})
		if metric.Quantity == fetchers.Utilization && metric.PartLabel != "" {
			rules = append(rules, rule{Record: "nufi:device_utilization_partial:info", Expr: v.unreadable(metric), Labels: v.own()})
		}
	}
	for _, metric := range v.Metrics {
		record(v, metric)
	}
	for _, metric := range v.Joined() {
		record(v.joined(), metric)
	}
	return rules
}

// joined are the rules for the device plugin's series of the vendor's devices: they have the
// vendor's name of the device in another label.
func (v vendorRules) joined() vendorRules {
	v.Labels.UUID, v.Labels.Device, v.Labels.Partition = []string{"uuid"}, []string{fetchers.NameLabel}, nil
	return v
}

func (v vendorRules) reading(metric fetchers.Metric) string {
	var choices []string
	for _, name := range metric.Names {
		series := values(name, metric)
		switch {
		case metric.StateLabel != "":
			choices = append(choices, v.located("group", renamed("("+series+" == 1)", "value", metric.StateLabel), metric, "value"))
		case metric.Quantity == fetchers.HealthState:
			value := fmt.Sprintf(`count_values without () ("value", %s)`, bounded(metric, series))
			choices = append(choices, v.located("group", value, metric, "value"))
		case metric.PartLabel != "":
			choices = append(choices, v.located("max", renamed(bounded(metric, series), "part", metric.PartLabel), metric, "part"))
		default:
			choices = append(choices, v.located("max", bounded(metric, series), metric))
		}
	}
	all := strings.Join(choices, " or ")
	if metric.Quantity == fetchers.Utilization && metric.PartLabel != "" {
		return fmt.Sprintf("avg by (node, device) (%s)", all)
	}
	return all
}

// unreadable returns the devices with a part whose value is out of bounds: the average of the
// others does not show that the device is idle.
func (v vendorRules) unreadable(metric fetchers.Metric) string {
	choices := make([]string, 0, len(metric.Names))
	for _, name := range metric.Names {
		series := values(name, metric)
		choices = append(choices, v.located("group", fmt.Sprintf("(%s unless %s)", series, bounded(metric, series)), metric))
	}
	return strings.Join(choices, " or ")
}

// holders records the containers that each device is allocated to, and the holder: the container, or
// what several have in common. A free device has no such labels; a device that is allocated by
// partition is neither free nor allocated.
func (v vendorRules) holders() []rule {
	by := "node, device, namespace, pod, container"
	raw := fmt.Sprintf(`nufi:device_labels:raw{type=%q}`, v.Type)
	name := fmt.Sprintf(`nufi:device_name:info{type=%q}`, v.Type)
	partition := ""
	if len(v.Labels.Partition) > 0 {
		partition = ", partition"
	}
	all := fmt.Sprintf(`sum by (uuid%s, namespace, pod, container) (%s) * on (uuid) group_left (node, device) %s or sum by (%s%s) (%s unless on (uuid) %s)`,
		partition, raw, name, by, partition, coalesce(raw, "node", v.levels()), name)
	if partition != "" {
		all = partitioned(all)
	}
	holder := fmt.Sprintf(`nufi:device_holder:raw{type=%q,node!="",device!=""`, v.Type)
	exporters := fmt.Sprintf(".*(%s).*", strings.Join(v.Exporters, "|"))
	held := fmt.Sprintf(`%s,pod!="",pod!~%q,container!~"(.+-)?%s"} unless on (pod) %s`, holder, exporters, fetchers.ExporterContainer,
		renamed(fmt.Sprintf(`nufi:device_labels:raw{type=%q,exporter_pod!=""}`, v.Type), "pod", "exporter_pod"))
	devices, parents := fmt.Sprintf(`group by (type, node, device) (%s})`, holder), ""
	rules := []rule{{Record: "nufi:device_holder:raw", Expr: fmt.Sprintf("sum by (%s) (%s)", by, all), Labels: v.own()}}
	if v.PluginLabel != "" {
		rules = append(rules, rule{Record: "nufi:device_duplicate:info", Expr: v.pluginDuplicates(), Labels: v.own()})
		duplicates := fmt.Sprintf(` unless on (type, node, device) nufi:device_duplicate:info{type=%q}`, v.Type)
		devices, held = "("+devices+duplicates+")", held+duplicates
	}
	if partition != "" {
		rules = append(rules, rule{Record: "nufi:device_partitioned:info", Labels: v.own(), Expr: fmt.Sprintf(
			`group by (type, node, device) (label_replace(group by (type, node, board) (label_replace(%s,device=~".+/.+"}, "board", "$1", "device", "(.+)/[^/]+")), "device", "$1", "board", "(.*)"))`, holder)})
		parents = fmt.Sprintf(` unless on (type, node, device) nufi:device_partitioned:info{type=%q}`, v.Type)
		devices = fmt.Sprintf(`(%s or nufi:device_partitioned:info{type=%q})`, devices, v.Type)
	}
	held = fmt.Sprintf("group by (type, %s) (%s)", by, held)
	if plugin := v.pluginHolders(); plugin != "" {
		rules = append(rules, rule{Record: "nufi:device_plugin_holder:raw", Expr: plugin, Labels: v.own()})
		held = fmt.Sprintf(`(%s or on (type, node, device) nufi:device_plugin_holder:raw{type=%q,node!="",device!="",pod!=""} and on (type, node, device) %s)`, held, v.Type, devices)
	}
	info := fmt.Sprintf(`nufi:device_holder:info{type=%q`, v.Type)
	return append(rules,
		rule{Record: "nufi:device_holders:raw", Expr: held + parents, Labels: v.own()},
		rule{Record: "nufi:device_holder:info", Expr: fmt.Sprintf("%s or on (type, node, device) %s", v.common(), devices), Labels: v.own()},
		rule{Record: "nufi:device_allocated:bool", Expr: fmt.Sprintf(`(%s,pod!=""} or %s,pod=""} * 0)%s`, info, info, parents), Labels: v.own()})
}

// pluginDuplicates returns the device plugin's devices on nodes where the vendor's exporter reports others
// only: see fetchers.Vendor.PluginLabel.
func (v vendorRules) pluginDuplicates() string {
	name := fmt.Sprintf(`nufi:device_name:info{type=%q}`, v.Type)
	devices := func(matcher string) string {
		series := fmt.Sprintf(`nufi:device_labels:raw{type=%q,plugin%s`, v.Type, matcher)
		return fmt.Sprintf(`group by (type, node, device) (group by (uuid) (%s}) * on (uuid) group_left (type, node, device) %s or group by (type, node, device) (%s unless on (uuid) %s))`,
			series, name, coalesce(series+`,device!=""}`, "node", v.levels()), name)
	}
	plugin, exporter := devices(`!=""`), devices(`=""`)
	return fmt.Sprintf("(%[1]s and on (node) %[2]s) unless on (node) (%[1]s and on (node, device) %[2]s)", plugin, exporter)
}

// pluginHolders returns the holders that the device plugin reports, or "" if it is the exporter.
func (v vendorRules) pluginHolders() string {
	joined := v.joined()
	for _, metric := range v.Joined() {
		if metric.Quantity == fetchers.Holder {
			series := coalesce(selector(metric.Names[0], metric), "namespace", v.Labels.Namespace)
			series = coalesce(series, "container", v.Labels.Container)
			series = coalesce(series, "pod", v.Labels.Pod)
			return joined.located("group", series, metric, "namespace", "pod", "container")
		}
	}
	return ""
}

// common returns one series for each device that containers hold: the name of several pods is their
// number, and a namespace or container in which they differ is left out.
func (v vendorRules) common() string {
	const device = "type, node, device"
	pods := fmt.Sprintf("group by (%s, namespace, pod) (nufi:device_holders:raw{type=%q})", device, v.Type)
	all := fmt.Sprintf(`(group by (%[1]s, pod) (%[2]s and on (%[1]s) (count by (%[1]s) (%[2]s) == 1)) or %[3]s)`, device, pods,
		pick(fmt.Sprintf(`count_values by (%[1]s) ("pod", count by (%[1]s) (%[2]s) > 1)`, device, pods), "pod", "$1 pods", "(.*)"))
	for _, label := range []string{"namespace", "container"} {
		values := fmt.Sprintf(`group by (%s, %s) (nufi:device_holders:raw{type=%q,%s!=""})`, device, label, v.Type, label)
		only := fmt.Sprintf("(%[2]s and on (%[1]s) (count by (%[1]s) (%[2]s) == 1))", device, values)
		all = fmt.Sprintf("(%[2]s * on (%[1]s) group_left (%[3]s) %[4]s or on (%[1]s) %[2]s)", device, all, label, only)
	}
	return all
}

// results records the values in common units, with the labels of the holder.
func (v vendorRules) results() []rule {
	used := v.quantity(fetchers.MemoryUsed, "")
	total := v.total()
	if total != "" { // A total below the used memory has another unit.
		total = fmt.Sprintf("(%s) unless ((%s) > on (type, node, device) (%s))", total, used, total)
	}
	results := []struct{ record, expression string }{
		{"nufi:device_utilization:ratio", v.quantity(fetchers.Utilization, "")},
		{"nufi:device_memory_used:bytes", used},
		{"nufi:device_memory_total:bytes", total},
		{"nufi:device_temperature:celsius", v.quantity(fetchers.Temperature, "sensor")},
		{"nufi:device_power:watts", v.quantity(fetchers.Power, "rail")},
		{"nufi:device_healthy:bool", v.healthy()},
	}
	var rules []rule
	for _, result := range results {
		if result.expression != "" {
			rules = append(rules, rule{Record: result.record, Expr: fmt.Sprintf(
				`(%s) * on (type, node, device) group_left (namespace, pod, container) nufi:device_holder:info{type=%q}`, result.expression, v.Type), Labels: v.own()})
		}
	}
	return rules
}

func (v vendorRules) of(metric fetchers.Metric, matchers string) string {
	return fmt.Sprintf(`nufi:device_reading:raw{type=%q,quantity=%q,source=%q,node!="",device!=""%s}`, v.Type, metric.Quantity, metric.Names[0], matchers)
}

// quantity returns the readings of a quantity, or "" if no exporter has it.
func (v vendorRules) quantity(quantity fetchers.Quantity, part string) string {
	var choices []string
	for _, metric := range v.Metrics {
		if metric.Quantity != quantity {
			continue
		}
		readings, by := v.of(metric, ""), "type, node, device"
		if part != "" {
			readings = renamed(readings, part, "part")
			by += ", " + part
		}
		// Every operand has the same labels, so that `or` takes the first.
		choices = append(choices, fmt.Sprintf("max by (%s) (%s)", by, readings))
	}
	return strings.Join(choices, " or ")
}

// healthy is 1 only if no exporter reports a bad state.
func (v vendorRules) healthy() string {
	var bad, good []string
	for _, metric := range slices.Concat(v.Metrics, v.Joined()) {
		if metric.Quantity == fetchers.HealthState {
			states := strings.Join(metric.Good, "|")
			bad = append(bad, fmt.Sprintf("0 * group by (type, node, device) (%s)",
				v.of(metric, fmt.Sprintf(",value!~%q", strings.Join(append(slices.Clone(metric.Good), metric.Ignored...), "|")))))
			good = append(good, fmt.Sprintf("group by (type, node, device) (%s)", v.of(metric, fmt.Sprintf(",value=~%q", states))))
		}
	}
	return strings.Join(append(bad, good...), " or ")
}

// total is that of the exporter, or the sum of used, free and, if it is reported, reserved.
func (v vendorRules) total() string {
	used, free := v.quantity(fetchers.MemoryUsed, ""), v.quantity(fetchers.MemoryFree, "")
	if total := v.quantity(fetchers.MemoryTotal, ""); total != "" || free == "" {
		return total
	}
	return fmt.Sprintf("%s + %s + (%s or 0 * %s)", used, free, v.quantity(fetchers.MemoryReserved, ""), used)
}
