package fetchers

import (
	"slices"
	"strconv"
	"strings"
)

// health is 1 for a healthy device, or 0 and the reason.
func (m *Metric) health(value float64, labels Labeled) (float64, string) {
	state := labels.Get(m.StateLabel)
	if m.StateLabel == "" && slices.Contains(m.Good, value) || slices.Contains(m.GoodStates, state) {
		return 1, ""
	}
	words := []string{m.Reason, strconv.FormatFloat(value, 'f', -1, 64)}
	if m.StateLabel != "" {
		words = []string{state}
	}
	if detail := labels.Get(m.ReasonLabel); detail != "" {
		words = append(words, detail)
	}
	return 0, printable(strings.Join(words, " "))
}
