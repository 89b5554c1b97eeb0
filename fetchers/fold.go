package fetchers

import (
	"math"
	"time"
)

// folder makes devices of one vendor's samples. The order of the samples does not matter.
type folder struct {
	vendor  Vendor
	metrics map[string]ranked
	now     time.Time
	maxAge  time.Duration
	drafts  map[identity]*draft
	sources map[string]string // one copy of each instance's name
	drops   Drops
}

type ranked struct {
	*Metric
	rank int // lower is preferred
}

func newFolder(vendor Vendor, now time.Time, maxAge time.Duration) *folder {
	f := &folder{
		vendor: vendor, metrics: map[string]ranked{}, now: now, maxAge: maxAge,
		drafts: map[identity]*draft{}, sources: map[string]string{}, drops: Drops{},
	}
	for i := range vendor.Metrics {
		for _, name := range vendor.Metrics[i].Names {
			f.metrics[name] = ranked{&vendor.Metrics[i], len(f.metrics)}
		}
	}
	return f
}

// fold drops samples that are older than maxAge, or that make no sense.
func fold(vendor Vendor, samples []Sample, now time.Time, maxAge time.Duration) (Devices, Drops) {
	f := newFolder(vendor, now, maxAge)
	for _, sample := range samples {
		if reason := f.add(sample); reason != "" {
			f.drops[reason]++
		}
	}
	devices := Devices{}
	for id, draft := range f.drafts {
		if devices[id.node] == nil {
			devices[id.node] = map[string]*HardwareDeviceStatus{}
		}
		devices[id.node][id.device] = draft.finish(&f.vendor, id, f.drops)
	}
	return devices, f.drops
}

func (f *folder) add(sample Sample) DropReason {
	metric, known := f.metrics[sample.Labels.Get("__name__")]
	if !known {
		return Unknown
	}
	if reason := f.untimely(sample.Time); reason != "" {
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
	d := f.drafts[id]
	if d == nil {
		d = &draft{readings: make([]reading, 0, len(f.vendor.Metrics))}
		f.drafts[id] = d
	}
	d.describe(&f.vendor, sample, f.source(sample.Labels))
	if r.counts {
		d.take(r)
	}
	return ""
}

func (f *folder) untimely(at time.Time) DropReason {
	switch age := f.now.Sub(at); {
	case age > f.maxAge:
		return Outdated
	case age < -f.maxAge:
		return FromFuture
	}
	return ""
}

func (f *folder) source(labels Labeled) string {
	name := labels.Get("instance")
	if known, ok := f.sources[name]; ok {
		return known
	}
	if !fit(name) {
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
	if !fit(part) {
		return reading{}, BadLabel
	}
	r := reading{slot: slot{m.Quantity, part}, value: value, as: as, time: sample.Time, rank: m.rank}
	if m.Quantity == HealthState {
		r.value, r.reason = m.health(value, sample.Labels)
	}
	r.counts = m.Quantity != Holder && (m.StateLabel == "" || value == 1)
	return r, ""
}
