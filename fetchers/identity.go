package fetchers

import (
	"net"
	"strings"
	"unicode"
	"unicode/utf8"
)

// identity tells devices apart.
type identity struct {
	node, device string
}

// identify reads a sample's node and device, and why it has none.
func (l *Labels) identify(labels Labeled) (identity, DropReason) {
	node := firstNonEmpty(labels, l.Node)
	if strings.Contains(node, ":") { // a scrape target
		if host, _, err := net.SplitHostPort(node); err == nil {
			node = host
		}
	}
	device := firstNonEmpty(labels, l.Device)
	switch {
	case node == "":
		return identity{}, NoNode
	case device == "":
		return identity{}, NoDevice
	}
	if partition := firstNonEmpty(labels, l.Partition); partition != "" {
		device += "/" + partition
	}
	if !isPrintable(node) || !isPrintable(device) {
		return identity{}, BadLabel
	}
	return identity{node, device}, ""
}

// holder has no name if the sample names no pod, or the exporter's own.
func (v *Vendor) holder(labels Labeled) Pod {
	pod := Pod{
		Namespace: firstNonEmpty(labels, v.Labels.Namespace),
		Name:      firstNonEmpty(labels, v.Labels.Pod),
		Container: firstNonEmpty(labels, v.Labels.Container),
	}
	if pod.Name == "" || !isPrintable(pod.Name) || !isPrintable(pod.Namespace) || !isPrintable(pod.Container) {
		return Pod{}
	}
	for _, exporter := range v.Exporters {
		if strings.HasPrefix(pod.Name, exporter) {
			return Pod{}
		}
	}
	return pod
}

func firstNonEmpty(labels Labeled, names []string) string {
	for _, name := range names {
		if value := labels.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// fit is false for what no node, device or pod is called.
func isPrintable(value string) bool {
	if len(value) > maxText {
		return false
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) })
		}
	}
	return true
}
