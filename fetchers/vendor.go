package fetchers

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Vendor describes a vendor's exporters.
type Vendor struct {
	Type   string // HardwareDeviceStatus.Type
	Name   string // HardwareDeviceStatus.Vendor
	Model  string // of devices without a label for it
	Labels Labels
	// Exporters are parts of the exporters' own pod names. A scrape that does not honour
	// labels adds the exporter's pod to its series, which must not look like the holder.
	Exporters []string
	// Resources matches the vendor's extended resources. Where the vendor's own exporter
	// reports devices, the device plugin's devices of these are dropped; their health and
	// holder are added to the exporter's: see Joined.
	Resources string
	// PluginLabel is a label of all series of the device plugin and of no others, if both report devices
	// as this vendor's. Devices that both report have a UUID or a name in common. On a node where none has,
	// the two have different names for them, and the plugin's are dropped.
	PluginLabel string
	// Metrics are in order of preference where several have one quantity.
	Metrics []Metric
}

// Labels are the names of labels. The first that is not empty counts.
type Labels struct {
	Node      [][]string // by level, most trusted first: see identities
	Device    []string
	Partition []string // of a device: its value is appended to the device id
	UUID      []string
	Type      []string // only of metrics of TypeInfo
	Resource  []string // the type of a device without one
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
	// Match are regular expressions that whole label values must match.
	Match map[string]string
	// Except are regular expressions of label values that belong to another vendor.
	Except map[string]string
	// Ignore are regular expressions of label values of copies: the value of another device,
	// such as the power of the card of a virtual function, is not this one's.
	Ignore map[string]string
	// Whole is true if the value is the whole device's, also in the series of a partition.
	Whole bool
	// ZeroIsAbsent is true if the exporter reports 0 for a sensor that does not exist.
	ZeroIsAbsent bool
	// Part names the sensor or the rail, or PartLabel the label that does. A ratio with parts
	// (cores) is their mean.
	Part      string
	PartLabel string
	// StateLabel holds the state of a sample whose value is 1; without it the value is the
	// state. A device is healthy in the states Good, has no health in Ignored, and is
	// unhealthy in all others.
	StateLabel    string
	Good, Ignored []string
	// Reason starts the reason of an unhealthy device; ReasonLabel ends it.
	Reason      string
	ReasonLabel string
}

// Quantity is the quantity that a metric measures.
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
	Holder   // no number: its labels name the holder
	TypeInfo // no number: its labels name the type and model
)

// String is the quantity's name in messages.
func (q Quantity) String() string {
	return [...]string{"utilization", "memory used", "memory free", "memory reserved",
		"memory total", "temperature", "power", "health", "holder", "type"}[q]
}

// Limit is the largest valid value, in the quantity's own unit. Exporters report "blank"
// values, of the order of 2^31 and 2^63, for what they cannot read. A quotient of counters
// may exceed a ratio of 1 slightly.
func (q Quantity) Limit() float64 {
	switch q {
	case Utilization:
		return 1.001
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

// Vendors returns the supported vendors.
func Vendors() []Vendor {
	return []Vendor{NVIDIA(), Rebellions(), Sapeon(), Furiosa(), Ascend(), DevicePlugin()}
}

// commonLabels are labels that exporters and scrape configurations add. `node` is the node of
// the scraped pod; Hostname of an old DCGM exporter may be the exporter's own pod.
func commonLabels() Labels {
	return Labels{
		Node:      [][]string{{"node"}, {"hostname", "Hostname", "kubernetes_node_name", "exported_instance"}, {"instance"}},
		Device:    []string{"device"},
		UUID:      []string{"uuid", "UUID"},
		Namespace: []string{"exported_namespace", "pod_namespace", "namespace"},
		Pod:       []string{"exported_pod", "pod_name", "pod"},
		Container: []string{"exported_container", "container_name", "container"},
	}
}

// Query returns the expression for all metrics of the vendor within a window. An instant
// vector would have the time of the query, and hide the age of the samples.
func (v Vendor) Query(window time.Duration) string {
	names := v.names()
	for i, name := range names {
		names[i] = regexp.QuoteMeta(name)
	}
	return `{__name__=~"` + strings.Join(names, "|") + `"}[` + window.String() + `]`
}

// Queries returns an expression for each metric: Google Cloud's managed Prometheus rejects
// regular expressions on metric names, and each response is smaller.
func (v Vendor) Queries(window time.Duration) []string {
	names := v.names()
	for i, name := range names {
		names[i] = name + "[" + window.String() + "]"
	}
	return names
}

// Joined returns the device plugin's metrics of the vendor's devices. They add to devices that
// the vendor's exporter reports: those of the same UUID, or of the same node and the name
// in the label NameLabel.
func (v Vendor) Joined() []Metric {
	if v.Resources == "" {
		return nil
	}
	return pluginMetrics(map[string]string{"resource": v.Resources}, nil)
}

// ofPlugin reports whether the labels are of a series of the device plugin.
func (v *Vendor) ofPlugin(labels Labeled) bool {
	return v.PluginLabel != "" && labels.Get(v.PluginLabel) != ""
}

// NameLabel is the device plugin's label of the name of a device's node, such as rbln0.
const NameLabel = "name"

func (v Vendor) names() []string {
	var names []string
	for _, metric := range slices.Concat(v.Metrics, v.Joined()) {
		names = append(names, metric.Names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The results of evaluate.
const (
	healthGood = iota
	healthBad
	healthUnknown
)

func (m *Metric) evaluate(state string) int {
	switch {
	case slices.Contains(m.Good, state):
		return healthGood
	case slices.Contains(m.Ignored, state):
		return healthUnknown
	}
	return healthBad
}
