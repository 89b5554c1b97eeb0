package exporter

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
)

// Devices is the source of devices.
type Devices interface {
	Snapshot() ([]inventory.Entry, <-chan struct{})
}

// Health exports the state of each device.
type Health struct {
	devices  Devices
	hostname string
	count    *prometheus.Desc
	state    *prometheus.Desc
	info     *prometheus.Desc
}

// identity are the labels of each series of a device: its PCI address, its UUID, the name of
// its first node and the host's name. An exporter of the vendor has one of them in common.
func identity(labels ...string) []string {
	return append([]string{"device", "uuid", "name", "hostname"}, labels...)
}

func identify(d discovery.Device, hostname string, values ...string) []string {
	return append([]string{d.ID, d.UUID, d.Name(), hostname}, values...)
}

// NewHealth returns a collector of the devices' states. The type of a description without one
// is its resource.
func NewHealth(devices Devices, d description.Description, hostname string) *Health {
	return &Health{
		devices: devices, hostname: hostname,
		info: prometheus.NewDesc("nufi_deviceplugin_device_info",
			"1 for a device, with the type and model of its description.",
			identity("driver", "physical_function"), prometheus.Labels{"type": cmp.Or(d.Type, d.Resource), "model": d.Model}),
		count: prometheus.NewDesc("nufi_deviceplugin_devices",
			"Devices by health state.", []string{"state"}, nil),
		state: prometheus.NewDesc("nufi_deviceplugin_device_state",
			"1 for the current state of a device, with its reason.", identity("state", "reason"), nil),
	}
}

// Describe implements prometheus.Collector.
func (h *Health) Describe(out chan<- *prometheus.Desc) {
	out <- h.count
	out <- h.state
	out <- h.info
}

// Collect implements prometheus.Collector.
func (h *Health) Collect(out chan<- prometheus.Metric) {
	entries, _ := h.devices.Snapshot()
	counts := map[health.State]int{}
	for _, entry := range entries {
		counts[entry.Health.State]++
		out <- prometheus.MustNewConstMetric(h.state, prometheus.GaugeValue, 1,
			identify(entry.Device, h.hostname, string(entry.Health.State), entry.Health.Reason.Code)...)
		out <- prometheus.MustNewConstMetric(h.info, prometheus.GaugeValue, 1,
			identify(entry.Device, h.hostname, entry.Device.Driver, entry.Device.Physical)...)
	}
	for _, state := range health.States() {
		out <- prometheus.MustNewConstMetric(h.count, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

// Transitions counts the devices' changes of state.
type Transitions struct {
	total *prometheus.CounterVec
}

// NewTransitions creates and registers the counter.
func NewTransitions(registerer prometheus.Registerer) *Transitions {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nufi_deviceplugin_transitions_total",
		Help: "Changes of a device's health state.",
	}, []string{"from", "to"})
	registerer.MustRegister(total)
	return &Transitions{total: total}
}

// Count counts one transition.
func (t *Transitions) Count(change inventory.Transition) {
	t.total.WithLabelValues(string(change.From), string(change.To)).Inc()
}
