package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dudaji/nufi/fetchers"
)

// values selects the series of one metric whose value counts.
func values(name string, metric fetchers.Metric) string {
	metric.Except = maps.Clone(metric.Except)
	if metric.Except == nil {
		metric.Except = map[string]string{}
	}
	maps.Copy(metric.Except, metric.Ignore)
	return selector(name, metric)
}

// selector selects the series of one metric.
func selector(name string, metric fetchers.Metric) string {
	list := make([]string, 0, len(metric.Match)+len(metric.Except))
	for _, label := range slices.Sorted(maps.Keys(metric.Match)) {
		list = append(list, fmt.Sprintf("%s=~%q", label, metric.Match[label]))
	}
	for _, label := range slices.Sorted(maps.Keys(metric.Except)) {
		list = append(list, fmt.Sprintf("%s!~%q", label, metric.Except[label]))
	}
	return name + "{" + strings.Join(list, ",") + "}"
}

// Patterns for values joined by semicolons, which match the first non-empty value. firstNode omits
// a port and the brackets of an IPv6 address, and skips localhost unless it is the only value.
const (
	firstValue = `;*([^;]*)(;.*)?`
	firstNode  = `(?:(?:localhost(?:\.localdomain)?(?::[^;:]*)?)?;)*(?:\[([^\];]+)\](?::[^;:]*)?|([^;:]+)(?::[^;:]*)?|([^;:]*:[^;:]*:[^;]*))(?:;.*)?|;*`
)

// coalesce sets a label to the first of several that is not empty.
func coalesce(expression, label string, from []string) string {
	if len(from) == 1 && from[0] == label {
		return expression
	}
	return pick(joined(expression, label, from), label, "$1", firstValue)
}

// node sets a label to the node that the first of several labels names.
func node(expression, label string, from []string) string {
	return pick(joined(expression, label, from), label, "$1$2$3", firstNode)
}

// uuid sets the label uuid, to nothing if the value identifies nothing.
func uuid(expression string, from []string) string {
	return pick(coalesce(expression, "uuid", from), "uuid", "", fetchers.UnknownUUID)
}

func joined(expression, label string, from []string) string {
	return fmt.Sprintf(`label_join(%s, "%s", ";", %s)`, expression, label, quoted(from))
}

func pick(expression, label, replacement, pattern string) string {
	return fmt.Sprintf(`label_replace(%s, "%s", "%s", "%s", %q)`, expression, label, replacement, label, pattern)
}

func renamed(expression, to, from string) string {
	return fmt.Sprintf(`label_replace(%s, "%s", "$1", "%s", "(.*)")`, expression, to, from)
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = strconv.Quote(word)
	}
	return strings.Join(list, ", ")
}

// partitioned appends the partition to the device.
func partitioned(expression string) string {
	return fmt.Sprintf(`label_replace(label_join(%s, "partition", "/", "device", "partition"), "device", "$1", "partition", "(.+/.+)")`, expression)
}

// bounded is the expression in the quantity's own unit, without invalid values.
func bounded(metric fetchers.Metric, expression string) string {
	if metric.ZeroIsAbsent {
		expression = "(" + expression + " != 0)"
	}
	value := fmt.Sprintf("((%s) >= 0 <= %s)", converted(metric.Unit, expression), number(metric.Quantity.Limit()))
	if metric.Quantity == fetchers.Utilization {
		value = "clamp_max(" + value + ", 1)"
	}
	return value
}

// converted is the expression in the quantity's own unit.
func converted(unit fetchers.Unit, expression string) string {
	steps := make([]string, 0, len(unit))
	for _, step := range unit {
		operand := expression
		if !math.IsInf(step.Below, 1) {
			operand = "(" + expression + " < " + number(step.Below) + ")"
		}
		switch {
		case step.Times != 0:
			operand += " * " + number(step.Times)
		case step.Per != 0:
			operand += " / " + number(step.Per)
		}
		steps = append(steps, operand)
	}
	return strings.Join(steps, " or ")
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
