package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dudaji/nufi/fetchers"
)

// types records the type of each device that has it as a label: that of its description, or its
// resource. Devices are omitted on nodes where an exporter of their vendor reports devices.
func (v vendorRules) types(vendors []fetchers.Vendor) []rule {
	const raw = "nufi:device_type:raw"
	var described, others []string
	for _, metric := range v.Metrics {
		for _, name := range metric.Names {
			series := coalesce(selector(name, metric), "resource", v.Labels.Resource)
			if metric.Quantity == fetchers.TypeInfo {
				series = coalesce(series, "type", slices.Concat(v.Labels.Type, v.Labels.Resource))
				described = append(described, v.located("group", series, metric, "type", "resource"))
			} else {
				series = coalesce(series, "type", v.Labels.Resource)
				others = append(others, v.located("group", series, metric, "type", "resource"))
			}
		}
	}
	duplicates := []string{raw}
	for _, vendor := range vendors {
		if vendor.Resources != "" {
			duplicates = append(duplicates, fmt.Sprintf("unless (%s{resource=~%q} and on (node) nufi:device_holder:info{type=%q})", raw, vendor.Resources, vendor.Type))
		}
	}
	return []rule{
		{Record: raw, Expr: fmt.Sprintf("topk by (node, device) (1, %s) or on (node, device) topk by (node, device) (1, %s)",
			strings.Join(described, " or "), strings.Join(others, " or "))},
		{Record: "nufi:device_type:info", Expr: strings.Join(duplicates, " ")},
	}
}

// byType returns the results that have the type of the device, not of the vendor.
func byType() []string { return []string{"holder:info", "allocated:bool", "healthy:bool"} }

// untyped renames the results of byType, which have the vendor's type.
func untyped(rules []rule) []rule {
	for _, name := range byType() {
		for i := range rules {
			rules[i].Record = strings.ReplaceAll(rules[i].Record, "nufi:device_"+name, "nufi:untyped_device_"+name)
			rules[i].Expr = strings.ReplaceAll(rules[i].Expr, "nufi:device_"+name, "nufi:untyped_device_"+name)
		}
	}
	return rules
}

// typed records the renamed results under each device's type.
func typed() []rule {
	rules := make([]rule, 0, len(byType()))
	for _, name := range byType() {
		rules = append(rules, rule{
			Record: "nufi:device_" + name,
			Expr:   fmt.Sprintf("nufi:untyped_device_%s * on (node, device) group_left (type) nufi:device_type:info", name),
		})
	}
	return rules
}
