package fetchers

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// concurrent is how much older than the newest a reading may be: several exporters of one
// device are scraped at different times, and an older series has ended.
const concurrent = time.Minute

// aggregator builds the devices of one vendor from samples in any order.
type aggregator struct {
	vendor    Vendor
	metrics   map[string]ranked
	now       time.Time
	maxAge    time.Duration
	ids       *identities
	builders  map[identity]*deviceBuilder
	parents   map[identity]bool // devices that have partitions
	exporters map[string]bool   // names of the exporters' own pods
	sources   map[string]string // interned names of instances
	dropped   Drops

	resources map[string]*regexp.Regexp // of vendors, by name; compiled on the first use
}

type ranked struct {
	*Metric
	rank   int  // lower is preferred
	joined bool // of Vendor.Joined

	matchers, except, ignored map[string]*regexp.Regexp
}

// excludes reports whether the labels are of another vendor's device: the device plugin has
// series of several resources.
func (m ranked) excludes(labels Labeled) bool {
	resource, ok := m.matchers["resource"]
	return ok && !resource.MatchString(labels.Get("resource")) || matchesAny(m.except, labels)
}

func matchesAny(expressions map[string]*regexp.Regexp, labels Labeled) bool {
	for name, expression := range expressions {
		if expression.MatchString(labels.Get(name)) {
			return true
		}
	}
	return false
}

// selects reports whether the labels match.
func (m ranked) selects(labels Labeled) bool {
	for name, matcher := range m.matchers {
		if !matcher.MatchString(labels.Get(name)) {
			return false
		}
	}
	return true
}

func newAggregator(vendor Vendor, now time.Time, maxAge time.Duration) *aggregator {
	a := &aggregator{
		vendor: vendor, metrics: map[string]ranked{}, now: now, maxAge: maxAge,
		builders: map[identity]*deviceBuilder{}, parents: map[identity]bool{}, exporters: map[string]bool{}, sources: map[string]string{}, dropped: Drops{},
	}
	a.ids = newIdentities(&a.vendor)
	for i, metric := range slices.Concat(vendor.Metrics, vendor.Joined()) {
		matchers, except, ignored := compiled(metric.Match), compiled(metric.Except), compiled(metric.Ignore)
		for _, name := range metric.Names {
			a.metrics[name] = ranked{&metric, len(a.metrics), i >= len(vendor.Metrics), matchers, except, ignored}
		}
	}
	return a
}

func compiled(expressions map[string]string) map[string]*regexp.Regexp {
	matchers := make(map[string]*regexp.Regexp, len(expressions))
	for label, expression := range expressions {
		matchers[label] = regexp.MustCompile("^(?:" + expression + ")$")
	}
	return matchers
}

// aggregate drops samples that are older than maxAge, or invalid.
func aggregate(vendor Vendor, samples []Sample, now time.Time, maxAge time.Duration) (Devices, Drops) {
	a := newAggregator(vendor, now, maxAge)
	accepted, joined := a.accept(samples)
	a.ids.resolve()
	for _, sample := range accepted {
		a.count(a.add(sample))
	}
	for _, sample := range joined {
		a.count(a.join(sample))
	}
	a.dropPluginDuplicates()
	return a.build(), a.dropped
}

func (a *aggregator) count(reason DropReason) {
	if reason != "" {
		a.dropped[reason]++
	}
}

// accept returns the vendor's samples and those of Vendor.Joined. It records the names of devices
// and of exporters' pods.
func (a *aggregator) accept(samples []Sample) (accepted, joined []Sample) {
	for _, sample := range samples {
		metric := a.metrics[sample.Labels.Get("__name__")]
		if metric.excludes(sample.Labels) {
			continue
		}
		if reason := a.check(sample); reason != "" {
			a.dropped[reason]++
			continue
		}
		if metric.joined {
			joined = append(joined, sample)
			continue
		}
		a.ids.claim(sample.Labels)
		if pod := exporterPod(sample.Labels); pod != "" {
			a.exporters[pod] = true
		}
		accepted = append(accepted, sample)
	}
	return accepted, joined
}

func (a *aggregator) build() Devices {
	devices := Devices{}
	for id, builder := range a.builders {
		if devices[id.node] == nil {
			devices[id.node] = map[string]*HardwareDeviceStatus{}
		}
		status := builder.build(&a.vendor, id, a.dropped)
		if status.Vendor == "" {
			status.Vendor = a.resourceVendor(builder.resource.value)
		}
		if a.parents[id] {
			status.Partitioned, status.Pod = true, nil
		}
		devices[id.node][id.device] = status
	}
	return devices
}

// check drops samples that are not of this vendor's devices, or not of this time.
func (a *aggregator) check(sample Sample) DropReason {
	metric, ok := a.metrics[sample.Labels.Get("__name__")]
	if !ok {
		return Unknown
	}
	if !metric.selects(sample.Labels) {
		return OtherDevice
	}
	switch age := a.now.Sub(sample.Time); {
	case age > a.maxAge:
		return Outdated
	case age < -a.maxAge:
		return FromFuture
	}
	return ""
}

// add records a sample. A device exists even if none of its values is valid.
func (a *aggregator) add(sample Sample) DropReason {
	id, reason := a.ids.identify(sample.Labels)
	if reason != "" {
		return reason
	}
	metric := a.metrics[sample.Labels.Get("__name__")]
	source, holder := a.source(sample.Labels), a.vendor.holder(sample.Labels)
	if a.exporters[holder.Name] {
		holder = Pod{}
	}
	a.builder(id).addReporter(a.vendor.ofPlugin(sample.Labels))
	target := id
	if partition := firstNonEmpty(sample.Labels, a.vendor.Labels.Partition); partition != "" {
		a.parents[id] = true
		part := identity{id.node, id.device + "/" + partition}
		a.builder(part).addLabels(&a.vendor, sample, source, holder)
		a.builder(id).addLabels(&a.vendor, sample, source, Pod{})
		if !metric.Whole {
			target = part
		}
	} else {
		a.builder(id).addLabels(&a.vendor, sample, source, holder)
	}
	if metric.Quantity == TypeInfo {
		a.builder(id).kind.update(firstNonEmpty(sample.Labels, a.vendor.Labels.Type), sample.Time)
	}
	r, reason := metric.read(sample)
	if reason != "" {
		return reason
	}
	r.source = source
	if r.counts {
		a.builder(target).addReading(r)
	}
	return ""
}

// join adds a sample of the device plugin to a device that the vendor's exporter reports.
func (a *aggregator) join(sample Sample) DropReason {
	id, ok := a.ids.names[uuidOf(sample.Labels, []string{"uuid"})]
	if !ok {
		id = identity{nodeOf(sample.Labels, slices.Concat(a.vendor.Labels.Node...)), sample.Labels.Get(NameLabel)}
	}
	builder := a.builders[id]
	if builder == nil {
		return ""
	}
	r, reason := a.metrics[sample.Labels.Get("__name__")].read(sample)
	if reason != "" {
		return reason
	}
	r.source = a.source(sample.Labels)
	builder.addSource(source{name: r.source, joined: true}, a.vendor.holder(sample.Labels), sample.Time)
	if r.counts {
		builder.addReading(r)
	}
	return ""
}

func (a *aggregator) builder(id identity) *deviceBuilder {
	b := a.builders[id]
	if b == nil {
		b = &deviceBuilder{readings: make([]reading, 0, len(a.vendor.Metrics))}
		a.builders[id] = b
	}
	return b
}

func (a *aggregator) source(labels Labeled) string {
	name := labels.Get("instance")
	if cached, ok := a.sources[name]; ok {
		return cached
	}
	if !isPrintable(name) {
		name = ""
	}
	a.sources[name] = name
	return name
}

// reading is a sample in the quantity's own unit.
type reading struct {
	slot
	value  float64
	as     string // the unit it was read in, if inferred from its size
	reason string // of a bad health
	time   time.Time
	rank   int
	source string
	counts bool // false for a sample without a value of its own
}

// slot is the quantity and part of a device that a reading measures.
type slot struct {
	quantity Quantity
	part     string
}

func (m ranked) read(sample Sample) (reading, DropReason) {
	if math.IsNaN(sample.Value) || math.IsInf(sample.Value, 0) {
		return reading{}, NotANumber
	}
	value, as := m.Unit.convert(sample.Value)
	if !m.accepts(value) {
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
	switch m.Quantity {
	case Utilization:
		r.value = min(value, 1)
		r.counts = true
	case HealthState:
		r.value, r.reason, r.counts = m.health(value, sample.Labels)
	case Holder, TypeInfo:
	default:
		r.counts = true
	}
	r.counts = r.counts && !matchesAny(m.ignored, sample.Labels)
	return r, ""
}

func (m *Metric) accepts(value float64) bool {
	return value >= 0 && value <= m.Quantity.Limit() && (value != 0 || !m.ZeroIsAbsent)
}

// health is 1 for a healthy device, or 0 and the reason. It does not count if it is unknown.
func (m *Metric) health(value float64, labels Labeled) (healthy float64, reason string, counts bool) {
	state := labels.Get(m.StateLabel)
	if m.StateLabel == "" {
		state = strconv.FormatFloat(value, 'f', -1, 64)
	} else if value != 1 {
		return 0, "", false
	}
	switch m.evaluate(state) {
	case healthGood:
		return 1, "", true
	case healthUnknown:
		return 0, "", false
	}
	words := state
	if m.Reason != "" {
		words = m.Reason + " " + words
	}
	if detail := labels.Get(m.ReasonLabel); detail != "" {
		words += " " + detail
	}
	return 0, sanitize(words), true
}
