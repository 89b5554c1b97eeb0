package fetchers

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// deviceBuilder collects the samples of one device.
type deviceBuilder struct {
	readings []reading
	kind     timestamped
	resource timestamped
	model    timestamped
	uuid     timestamped
	sources  []source
	time     time.Time

	exported, plugged bool // by the vendor's exporter, by the device plugin
}

func (d *deviceBuilder) addReporter(plugin bool) {
	d.exported, d.plugged = d.exported || !plugin, d.plugged || plugin
}

// timestamped is a label's value with the time of its sample.
type timestamped struct {
	value string
	time  time.Time
}

// source is an exporter with the holders that it reported last.
type source struct {
	name   string
	pods   []Pod // none if the device is free, several if they share it
	time   time.Time
	joined bool // the device plugin beside the vendor's exporter
}

func (d *deviceBuilder) addLabels(vendor *Vendor, sample Sample, instance string, holder Pod) {
	if sample.Time.After(d.time) {
		d.time = sample.Time
	}
	d.model.update(firstNonEmpty(sample.Labels, vendor.Labels.Model), sample.Time)
	d.resource.update(firstNonEmpty(sample.Labels, vendor.Labels.Resource), sample.Time)
	d.uuid.update(vendor.Labels.uuid(sample.Labels), sample.Time)
	d.addSource(source{name: instance}, holder, sample.Time)
}

func (d *deviceBuilder) addSource(of source, holder Pod, at time.Time) {
	i := slices.IndexFunc(d.sources, func(s source) bool { return s.name == of.name && s.joined == of.joined })
	if i < 0 {
		i = len(d.sources)
		d.sources = append(d.sources, of)
	}
	d.sources[i].update(holder, at)
}

// update keeps the newest value, and the smallest of equally new ones.
func (d *timestamped) update(value string, at time.Time) {
	if value == "" || !isPrintable(value) || at.Before(d.time) || at.Equal(d.time) && value >= d.value {
		return
	}
	d.value, d.time = value, at
}

// update keeps the newest holders: the series of a pod that ended stays in the query's window.
func (s *source) update(pod Pod, at time.Time) {
	if at.After(s.time) {
		s.pods, s.time = s.pods[:0], at
	}
	if at.Equal(s.time) && pod.Name != "" && !slices.Contains(s.pods, pod) {
		s.pods = append(s.pods, pod)
	}
}

// addReading keeps the newest reading of a slot for each metric and source.
func (d *deviceBuilder) addReading(r reading) {
	i := slices.IndexFunc(d.readings, func(other reading) bool {
		return other.slot == r.slot && other.rank == r.rank && other.source == r.source
	})
	switch {
	case i < 0:
		d.readings = append(d.readings, r)
	case cmp.Or(r.time.Compare(d.readings[i].time), r.compare(d.readings[i])) > 0:
		d.readings[i] = r
	}
}

// compare is positive if r is preferred: the preferred metric, then the larger value. A
// device is healthy only if every source reports so.
func (r reading) compare(other reading) int {
	if r.quantity == HealthState {
		return cmp.Or(cmp.Compare(other.value, r.value), strings.Compare(other.reason, r.reason))
	}
	return cmp.Or(other.rank-r.rank, cmp.Compare(r.value, other.value), strings.Compare(other.as, r.as))
}

// selectReadings leaves one reading of each slot, of those that are concurrent with the newest.
func (d *deviceBuilder) selectReadings() {
	newest := map[slot]time.Time{}
	for _, r := range d.readings {
		if r.time.After(newest[r.slot]) {
			newest[r.slot] = r.time
		}
	}
	best := map[slot]reading{}
	for _, r := range d.readings {
		if newest[r.slot].Sub(r.time) > concurrent {
			continue
		}
		if other, ok := best[r.slot]; !ok || r.compare(other) > 0 {
			best[r.slot] = r
		}
	}
	d.readings = slices.SortedFunc(maps.Values(best), func(a, b reading) int {
		return cmp.Or(int(a.quantity-b.quantity), strings.Compare(a.part, b.part))
	})
}

func (d *deviceBuilder) build(vendor *Vendor, id identity, dropped Drops) *HardwareDeviceStatus {
	s := &HardwareDeviceStatus{
		Type: cmp.Or(d.kind.value, d.resource.value, vendor.Type), Vendor: vendor.Name, Model: cmp.Or(d.model.value, vendor.Model),
		Node: id.node, DeviceID: id.device, UUID: d.uuid.value, Time: d.time.UTC(),
	}
	d.selectReadings()
	d.setHolder(s)
	d.setReadings(s, dropped)
	for _, r := range d.readings {
		if r.as != "" {
			s.Rescaled = append(s.Rescaled, strings.TrimSpace(r.part+" "+r.quantity.String())+" in "+r.as)
		}
	}
	slices.Sort(s.Rescaled)
	return s
}

// setHolder sets the sources and the holder. The device plugin's holder counts if the vendor's
// exporter reports none.
func (d *deviceBuilder) setHolder(s *HardwareDeviceStatus) {
	var newest time.Time
	for _, source := range d.sources {
		if source.time.After(newest) {
			newest = source.time
		}
		if !slices.Contains(s.Sources, source.name) {
			s.Sources = append(s.Sources, source.name)
		}
	}
	slices.Sort(s.Sources)
	for _, joined := range []bool{false, true} {
		var pods []Pod
		for _, source := range d.sources {
			if source.joined == joined && newest.Sub(source.time) <= concurrent {
				pods = append(pods, source.pods...)
			}
		}
		if s.Pod = holderOf(pods); s.Pod != nil {
			return
		}
	}
}

// holderOf returns the holder of a device that pods hold: the name of several is their number,
// and a namespace or container in which they differ is empty.
func holderOf(pods []Pod) *Pod {
	if len(pods) == 0 {
		return nil
	}
	names, namespaces, containers := map[Pod]bool{}, map[string]bool{}, map[string]bool{}
	for _, pod := range pods {
		names[Pod{Namespace: pod.Namespace, Name: pod.Name}] = true
		namespaces[pod.Namespace] = true
		containers[pod.Container] = true
	}
	holder := &Pod{Namespace: only(namespaces), Name: pods[0].Name, Container: only(containers)}
	if len(names) > 1 {
		holder.Name = strconv.Itoa(len(names)) + " pods"
	}
	return holder
}

// only returns the only value that is not empty, or "" if there are several.
func only(values map[string]bool) string {
	delete(values, "")
	if len(values) != 1 {
		return ""
	}
	for value := range values {
		return value
	}
	return ""
}

func (d *deviceBuilder) setReadings(s *HardwareDeviceStatus, dropped Drops) {
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
	s.MemoryUsed, s.MemoryTotal = memoryOf(memory, dropped)
}

// memoryOf returns the memory used and in total. A total below the memory used is dropped:
// their units differ.
func memoryOf(memory map[Quantity]float64, dropped Drops) (used, total *int64) {
	if value, ok := memory[MemoryUsed]; ok {
		used = rounded(value)
	}
	if value, ok := memory[MemoryTotal]; ok {
		total = rounded(value)
	} else if free, ok := memory[MemoryFree]; ok && used != nil {
		total = rounded(memory[MemoryUsed] + free + memory[MemoryReserved])
	}
	if used != nil && total != nil && *used > *total {
		dropped[Implausible]++
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
