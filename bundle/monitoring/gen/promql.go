package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/dudaji/nufi/fetchers"
)

// selector selects series by metric name.
func selector(names []string, matchers ...string) string {
	if len(names) == 1 {
		return names[0] + "{" + strings.Join(matchers, ",") + "}"
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return "{" + strings.Join(append([]string{"__name__=~" + strconv.Quote(strings.Join(quoted, "|"))}, matchers...), ",") + "}"
}

// coalesce sets a label to the first of several that is not empty.
func coalesce(expression, label string, from []string) string {
	if len(from) == 1 && from[0] == label {
		return expression
	}
	pattern := `;*([^;]*)(;.*)?`
	if label == "node" {
		pattern = `;*([^;]*?)(:[0-9]+)?(;.*)?` // a target has a port
	}
	joined := fmt.Sprintf(`label_join(%s, "%s", ";", %s)`, expression, label, quoted(from))
	return fmt.Sprintf(`label_replace(%s, "%s", "$1", "%s", "%s")`, joined, label, label, pattern)
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = strconv.Quote(word)
	}
	return strings.Join(list, ", ")
}

// located gives series the labels node and device.
func located(labels fetchers.Labels, expression string) string {
	expression = coalesce(coalesce(expression, "node", labels.Node), "device", labels.Device)
	for _, partition := range labels.Partition {
		expression = fmt.Sprintf(`label_replace(label_join(%s, "partition", "/", "device", "%s"), "device", "$1", "partition", "(.+/.+)")`, expression, partition)
	}
	return expression
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
