package fetchers

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Vendor is all that is known of a vendor's exporters.
type Vendor struct {
	Type   string // HardwareDeviceStatus.Type
	Name   string // HardwareDeviceStatus.Vendor
	Model  string // of devices that have no label for it
	Labels Labels
	// Exporters are the beginnings of the exporters' own pod names. Where a scrape is not
	// told to honour labels, a device that nobody holds carries the exporter's.
	Exporters []string
	// Metrics are in order of preference where several have one quantity.
	Metrics []Metric
}

// Labels are the names that a label goes by. The first that is not empty counts.
type Labels struct {
	Node      []string
	Device    []string
	Partition []string // of a device: its value is appended to the device id
	UUID      []string
	Model     []string
	Namespace []string
	Pod       []string
	Container []string
}

// Metric is one quantity of a device.
type Metric struct {
	Quantity Quantity
	Names    []string // newest first
	Unit     Unit
	// Part names the sensor or the rail, or PartLabel the label that does. A ratio that
	// has parts (cores) is their mean.
	Part      string
	PartLabel string
	// Good are the values of a healthy device. Where StateLabel is set a sample counts
	// while its value is 1, and the device is healthy if the label is among GoodStates.
	Good       []float64
	StateLabel string
	GoodStates []string
	// Reason says what a bad value is; ReasonLabel holds more.
	Reason      string
	ReasonLabel string
}

// Quantity is what a metric measures.
type Quantity int

// The quantities. A device whose exporter has no MemoryTotal has the sum of the other three.
const (
	Utilization Quantity = iota
	MemoryUsed
	MemoryFree
	MemoryReserved
	MemoryTotal
	Temperature
	Power
	HealthState
	Holder // no number: its labels say who holds the device
)

// String is the quantity's name in messages.
func (q Quantity) String() string {
	return [...]string{"utilization", "memory used", "memory free", "memory reserved",
		"memory total", "temperature", "power", "health", "holder"}[q]
}

// Limit is the largest value that makes sense, in the quantity's own unit. Exporters have
// "blank" values, of the order of 2^31 and 2^63, for what they cannot read.
func (q Quantity) Limit() float64 {
	switch q {
	case Utilization:
		return 1
	case Temperature:
		return 200
	case Power:
		return 10_000
	case MemoryUsed, MemoryFree, MemoryReserved, MemoryTotal:
		return 1 << 44
	default:
		return 1 << 31
	}
}

// Vendors are those that this package knows. Add one here.
func Vendors() []Vendor {
	return []Vendor{NVIDIA(), Rebellions(), Sapeon(), Furiosa(), Ascend()}
}

// commonLabels are the labels that scrape configurations add, most trustworthy first.
// `node` is where the scrape saw the pod; Hostname of an old DCGM exporter may be the
// exporter's own pod.
func commonLabels() Labels {
	return Labels{
		Node:      []string{"node", "hostname", "Hostname", "kubernetes_node_name", "exported_instance", "instance"},
		Device:    []string{"device"},
		UUID:      []string{"uuid", "UUID"},
		Namespace: []string{"exported_namespace", "namespace", "pod_namespace"},
		Pod:       []string{"exported_pod", "pod", "pod_name"},
		Container: []string{"exported_container", "container", "container_name"},
	}
}

// Query asks for all metrics of the vendor within a window. An instant vector would carry
// the time of the query and not the samples', and so hide how old they are.
func (v Vendor) Query(window time.Duration) string {
	names := v.names()
	for i, name := range names {
		names[i] = regexp.QuoteMeta(name)
	}
	return `{__name__=~"` + strings.Join(names, "|") + `"}[` + window.String() + `]`
}

func (v Vendor) names() []string {
	var names []string
	for _, metric := range v.Metrics {
		names = append(names, metric.Names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

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
	return 0, sanitize(strings.Join(words, " "))
}
