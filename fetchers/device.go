package fetchers

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// deviceBuilder collects what samples say of one device.
type deviceBuilder struct {
	readings []reading
	model    timestamped
	uuid     timestamped
	sources  []source
	time     time.Time
}

// timestamped is a label's value, and when it was seen.
type timestamped struct {
	value string
	time  time.Time
}

// source is an exporter, and whom it saw holding the device last.
type source struct {
	name string
	pod  Pod // without a name if nobody
	time time.Time
}

func (d *deviceBuilder) addLabels(vendor *Vendor, sample Sample, instance string) {
	d.time = later(d.time, sample.Time)
	d.model.update(firstNonEmpty(sample.Labels, vendor.Labels.Model), sample.Time)
	d.uuid.update(firstNonEmpty(sample.Labels, vendor.Labels.UUID), sample.Time)
	i := slices.IndexFunc(d.sources, func(s source) bool { return s.name == instance })
	if i < 0 {
		i = len(d.sources)
		d.sources = append(d.sources, source{name: instance})
	}
	d.sources[i].update(vendor.holder(sample.Labels), sample.Time)
}

// update keeps the newest value, and of equally new ones the smallest.
func (d *timestamped) update(value string, at time.Time) {
	if value == "" || !isPrintable(value) || at.Before(d.time) || at.Equal(d.time) && value >= d.value {
		return
	}
	d.value, d.time = value, at
}

// update keeps the newest: a series that ended when the pod did stays in the query's
// window for a while.
func (s *source) update(pod Pod, at time.Time) {
	switch {
	case at.After(s.time):
		s.pod, s.time = pod, at
	case at.Equal(s.time) && pod.Name != "" && (s.pod.Name == "" || comparePods(pod, s.pod) < 0):
		s.pod = pod
	}
}

func comparePods(a, b Pod) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Container, b.Container))
}

// take keeps the newest reading of a slot, then that of the preferred metric, then the largest.
func (d *deviceBuilder) addReading(r reading) {
	i := slices.IndexFunc(d.readings, func(have reading) bool { return have.slot == r.slot })
	if i < 0 {
		d.readings = append(d.readings, r)
		return
	}
	if have := d.readings[i]; cmp.Or(r.time.Compare(have.time), have.rank-r.rank, cmp.Compare(r.value, have.value), strings.Compare(have.reason, r.reason)) > 0 {
		d.readings[i] = r
	}
}

func (d *deviceBuilder) build(vendor *Vendor, id identity, drops Drops) *HardwareDeviceStatus {
	s := &HardwareDeviceStatus{
		Type: vendor.Type, Vendor: vendor.Name, Model: cmp.Or(d.model.value, vendor.Model),
		Node: id.node, DeviceID: id.device, UUID: d.uuid.value, Time: d.time.UTC(),
	}
	d.setHolder(s)
	d.setReadings(s, drops)
	slices.SortFunc(d.readings, func(a, b reading) int { return strings.Compare(a.part, b.part) })
	for _, r := range d.readings {
		if r.as != "" {
			s.Rescaled = append(s.Rescaled, strings.TrimSpace(r.part+" "+r.quantity.String())+" in "+r.as)
		}
	}
	slices.Sort(s.Rescaled)
	return s
}

// name says who saw the device, and who holds it by the newest account.
func (d *deviceBuilder) setHolder(s *HardwareDeviceStatus) {
	slices.SortFunc(d.sources, func(a, b source) int {
		return cmp.Or(b.time.Compare(a.time), strings.Compare(a.name, b.name))
	})
	for _, source := range d.sources {
		s.Sources = append(s.Sources, source.name)
		if s.Pod == nil && source.pod.Name != "" {
			s.Pod = &source.pod
		}
	}
	slices.Sort(s.Sources)
}

func (d *deviceBuilder) setReadings(s *HardwareDeviceStatus, drops Drops) {
	var ratios []float64
	memory := map[Quantity]float64{}
	for _, r := range d.readings {
		switch r.quantity {
		case Utilization:
			ratios = append(ratios, r.value)
		case Temperature:
			s.Temperatures = with(s.Temperatures, r.part, r.value)
		case Power:
			s.Power = with(s.Power, r.part, r.value)
		case HealthState:
			s.Health = &Health{Healthy: r.value == 1, Reason: r.reason}
		default:
			memory[r.quantity] = r.value
		}
	}
	s.Utilization = mean(ratios)
	s.MemoryUsed, s.MemoryTotal = memoryOf(memory, drops)
}

// fill returns the memory used and in total. A total that is less than what is used is
// left out: their units differ.
func memoryOf(memory map[Quantity]float64, drops Drops) (used, total *int64) {
	if value, ok := memory[MemoryUsed]; ok {
		used = rounded(value)
	}
	if value, ok := memory[MemoryTotal]; ok {
		total = rounded(value)
	} else if free, ok := memory[MemoryFree]; ok && used != nil {
		total = rounded(memory[MemoryUsed] + free + memory[MemoryReserved])
	}
	if used != nil && total != nil && *used > *total {
		drops[Implausible]++
		return used, nil
	}
	return used, total
}

func rounded(value float64) *int64 {
	n := int64(math.Round(value))
	return &n
}

// mean is nil of nothing.
func mean(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values) // a sum of floats depends on the order
	sum := 0.0
	for _, value := range values {
		sum += value
	}
	sum /= float64(len(values))
	return &sum
}

func with(values map[string]float64, key string, value float64) map[string]float64 {
	if values == nil {
		values = map[string]float64{}
	}
	values[key] = value
	return values
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
