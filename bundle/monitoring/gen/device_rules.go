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

// deviceRules give every vendor's metrics one set of names. A vendor is a group, whose
// rules Prometheus evaluates in order: readings by node and device, holders, results.
func deviceRules(vendors []fetchers.Vendor) prometheusRule {
	rules := prometheusRule{
		APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule",
		Metadata: metadata{Name: "nufi-devices", Namespace: "nufi-system", Labels: map[string]string{"app.kubernetes.io/name": "nufi-monitoring"}},
	}
	for _, vendor := range vendors {
		v := vendorRules{vendor}
		rules.Spec.Groups = append(rules.Spec.Groups, group{
			Name: "nufi-devices-" + strings.ToLower(vendor.Type), Interval: "30s",
			Rules: slices.Concat(v.readings(), v.holders(), v.results()),
		})
	}
	return rules
}

type vendorRules struct{ fetchers.Vendor }

// readings are the numbers as they are, by node and device.
func (v vendorRules) readings() []rule {
	var rules []rule
	for _, metric := range v.Metrics {
		if metric.Quantity == fetchers.Holder {
			continue
		}
		labels := map[string]string{"type": v.Type, "quantity": metric.Quantity.String(), "source": metric.Names[0]}
		if metric.Part != "" {
			labels["part"] = metric.Part
		}
		rules = append(rules, rule{Record: "nufi:device_reading:raw", Expr: v.reading(metric), Labels: labels})
	}
	return rules
}

func (v vendorRules) reading(metric fetchers.Metric) string {
	if metric.StateLabel != "" {
		inState := func(matcher string) string {
			return located(v.Labels, selector(metric.Names, matcher)+" == 1")
		}
		good := strings.Join(metric.GoodStates, "|")
		return fmt.Sprintf("max by (node, device) (%s) or 0 * max by (node, device) (%s)",
			inState(fmt.Sprintf("%s=~%q", metric.StateLabel, good)), inState(fmt.Sprintf("%s!~%q", metric.StateLabel, good)))
	}
	all := located(v.Labels, selector(metric.Names))
	switch {
	case metric.Quantity == fetchers.Utilization && metric.PartLabel != "":
		return fmt.Sprintf("avg by (node, device) (%s)", all)
	case metric.PartLabel != "":
		return fmt.Sprintf(`max by (node, device, part) (label_replace(%s, "part", "$1", "%s", "(.*)"))`, all, metric.PartLabel)
	default:
		return fmt.Sprintf("max by (node, device) (%s)", all)
	}
}

// holders say which container holds a device; a free device has no such labels.
func (v vendorRules) holders() []rule {
	var names []string
	for _, metric := range v.Metrics {
		names = append(names, metric.Names...)
	}
	slices.Sort(names)
	seen := located(v.Labels, selector(slices.Compact(names)))
	seen = coalesce(seen, "namespace", v.Labels.Namespace)
	seen = coalesce(seen, "container", v.Labels.Container)
	seen = coalesce(seen, "pod", v.Labels.Pod)
	exporters := fmt.Sprintf("(%s).*", strings.Join(v.Exporters, "|"))
	all := fmt.Sprintf(`nufi:device_holder:raw{type=%q,device!=""}`, v.Type)
	held := fmt.Sprintf(`nufi:device_holder:raw{type=%q,device!="",pod!="",pod!~%q}`, v.Type, exporters)
	info := fmt.Sprintf(`nufi:device_holder:info{type=%q}`, v.Type)
	own := map[string]string{"type": v.Type}
	return []rule{
		{Record: "nufi:device_holder:raw", Expr: fmt.Sprintf("count by (node, device, namespace, pod, container) (%s)", seen), Labels: own},
		{Record: "nufi:device_holder:info", Expr: fmt.Sprintf("(topk by (type, node, device) (1, %s) > bool 0) or on (type, node, device) (count by (type, node, device) (%s) > bool 0)", held, all), Labels: own},
		{Record: "nufi:device_allocated:bool", Expr: fmt.Sprintf("%s or %s * 0", selectPod(info, `pod!=""`), selectPod(info, `pod=""`)), Labels: own},
	}
}

func selectPod(series, matcher string) string {
	return strings.TrimSuffix(series, "}") + "," + matcher + "}"
}

// results are the numbers in one unit, with the labels of whoever holds the device.
func (v vendorRules) results() []rule {
	results := []struct{ record, expression string }{
		{"nufi:device_utilization:ratio", v.quantity(fetchers.Utilization, "")},
		{"nufi:device_memory_used:bytes", v.quantity(fetchers.MemoryUsed, "")},
		{"nufi:device_memory_total:bytes", v.total()},
		{"nufi:device_temperature:celsius", v.quantity(fetchers.Temperature, "sensor")},
		{"nufi:device_power:watts", v.quantity(fetchers.Power, "rail")},
		{"nufi:device_healthy:bool", v.quantity(fetchers.HealthState, "")},
	}
	own := map[string]string{"type": v.Type} // tells the rules of one name apart
	var rules []rule
	for _, result := range results {
		if result.expression != "" {
			rules = append(rules, rule{Record: result.record, Expr: fmt.Sprintf(
				`(%s) * on (type, node, device) group_left (namespace, pod, container) nufi:device_holder:info{type=%q}`, result.expression, v.Type), Labels: own})
		}
	}
	return rules
}

// quantity is empty if no exporter has it.
func (v vendorRules) quantity(quantity fetchers.Quantity, part string) string {
	var choices []string
	for _, metric := range v.Metrics {
		if metric.Quantity == quantity {
			choices = append(choices, v.choice(metric, part))
		}
	}
	return strings.Join(choices, " or ")
}

func (v vendorRules) choice(metric fetchers.Metric, part string) string {
	readings := fmt.Sprintf(`nufi:device_reading:raw{type=%q,quantity=%q,source=%q,device!=""}`, v.Type, metric.Quantity, metric.Names[0])
	by := "type, node, device"
	if part != "" {
		readings = fmt.Sprintf(`label_replace(%s, "%s", "$1", "part", "(.*)")`, readings, part)
		by += ", " + part
	}
	// Every operand gets the same labels, so that `or` takes the first that there is.
	readings = fmt.Sprintf("max by (%s) (%s)", by, readings)
	if metric.Quantity == fetchers.HealthState {
		return healthy(metric, readings)
	}
	return fmt.Sprintf("((%s) >= 0 <= %s)", converted(metric.Unit, readings), number(metric.Quantity.Limit()))
}

func healthy(metric fetchers.Metric, readings string) string {
	if metric.StateLabel != "" {
		return readings
	}
	good := make([]string, len(metric.Good))
	for i, value := range metric.Good {
		good[i] = fmt.Sprintf("(%s == bool %s)", readings, number(value))
	}
	return strings.Join(good, " + ")
}

// total is that of the exporter, or used and free and, where there is such a thing, reserved.
func (v vendorRules) total() string {
	used, free := v.quantity(fetchers.MemoryUsed, ""), v.quantity(fetchers.MemoryFree, "")
	if total := v.quantity(fetchers.MemoryTotal, ""); total != "" || free == "" {
		return total
	}
	return fmt.Sprintf("%s + %s + (%s or 0 * %s)", used, free, v.quantity(fetchers.MemoryReserved, ""), used)
}
