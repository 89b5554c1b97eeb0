package fetchers

import (
	"math"
	"time"
)

// aggregator makes devices of one vendor's samples. The order of the samples does not matter.
type aggregator struct {
	vendor   Vendor
	metrics  map[string]ranked
	now      time.Time
	maxAge   time.Duration
	builders map[identity]*deviceBuilder
	sources  map[string]string // one copy of each instance's name
	drops    Drops
}

type ranked struct {
	*Metric
	rank int // lower is preferred
}

func newAggregator(vendor Vendor, now time.Time, maxAge time.Duration) *aggregator {
	f := &aggregator{
		vendor: vendor, metrics: map[string]ranked{}, now: now, maxAge: maxAge,
		builders: map[identity]*deviceBuilder{}, sources: map[string]string{}, drops: Drops{},
	}
	for i := range vendor.Metrics {
		for _, name := range vendor.Metrics[i].Names {
			f.metrics[name] = ranked{&vendor.Metrics[i], len(f.metrics)}
		}
	}
	return f
}

// fold drops samples that are older than maxAge, or that make no sense.
func aggregate(vendor Vendor, samples []Sample, now time.Time, maxAge time.Duration) (Devices, Drops) {
	f := newAggregator(vendor, now, maxAge)
	for _, sample := range samples {
		if reason := f.add(sample); reason != "" {
			f.drops[reason]++
		}
	}
	devices := Devices{}
	for id, deviceBuilder := range f.builders {
		if devices[id.node] == nil {
			devices[id.node] = map[string]*HardwareDeviceStatus{}
		}
		devices[id.node][id.device] = deviceBuilder.build(&f.vendor, id, f.drops)
	}
	return devices, f.drops
}

func (f *aggregator) add(sample Sample) DropReason {
	metric, ok := f.metrics[sample.Labels.Get("__name__")]
	if !ok {
		return Unknown
	}
	if reason := f.checkAge(sample.Time); reason != "" {
		return reason
	}
	id, reason := f.vendor.Labels.identify(sample.Labels)
	if reason != "" {
		return reason
	}
	r, reason := metric.read(sample)
	if reason != "" {
		return reason
	}
	d := f.builders[id]
	if d == nil {
		d = &deviceBuilder{readings: make([]reading, 0, len(f.vendor.Metrics))}
		f.builders[id] = d
	}
	d.addLabels(&f.vendor, sample, f.source(sample.Labels))
	if r.counts {
		d.addReading(r)
	}
	return ""
}

func (f *aggregator) checkAge(at time.Time) DropReason {
	switch age := f.now.Sub(at); {
	case age > f.maxAge:
		return Outdated
	case age < -f.maxAge:
		return FromFuture
	}
	return ""
}

func (f *aggregator) source(labels Labeled) string {
	name := labels.Get("instance")
	if cached, ok := f.sources[name]; ok {
		return cached
	}
	if !isPrintable(name) {
		name = ""
	}
	f.sources[name] = name
	return name
}

// reading is a sample in the quantity's own unit.
type reading struct {
	slot
	value  float64
	as     string // the unit it was read in, if only the size told
	reason string // of a bad health
	time   time.Time
	rank   int
	counts bool // false for a sample that says nothing but that the device is there
}

// slot is where a reading belongs on its device.
type slot struct {
	quantity Quantity
	part     string
}

func (m ranked) read(sample Sample) (reading, DropReason) {
	value := sample.Value
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return reading{}, NotANumber
	}
	value, as := m.Unit.convert(value)
	if value < 0 || value > m.Quantity.Limit() {
		return reading{}, Implausible
	}
	part := m.Part
	if m.PartLabel != "" {
		part = sample.Labels.Get(m.PartLabel)
	}
	if !isPrintable(part) {
		return reading{}, BadLabel
	}
	r := reading{slot: slot{m.Quantity, part}, value: value, as: as, time: sample.Time, rank: m.rank}
	if m.Quantity == HealthState {
		r.value, r.reason = m.health(value, sample.Labels)
	}
	r.counts = m.Quantity != Holder && (m.StateLabel == "" || value == 1)
	return r, ""
}
