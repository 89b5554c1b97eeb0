package inventory

import (
	"slices"
	"strings"
	"time"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
)

// Entry is what is known of one device.
type Entry struct {
	Device discovery.Device
	Health health.Status
}

// Transition is one change of a device's state.
type Transition struct {
	Device   discovery.Device
	From, To health.State
	Reason   health.Reason
	At       time.Time
	// First says that it is the device's first verdict.
	First bool
}

// book holds the devices. It is pure: time comes in, nothing goes out but values.
type book struct {
	policy      health.Policy
	forgetAfter time.Duration
	records     map[string]*record
	news        bool // something changed since entries were taken
}

type record struct {
	Entry
	onBus  time.Time // when a scan last saw it
	probed bool
	judged bool // it has had a state other than the first Unknown
}

func newBook(policy health.Policy, forgetAfter time.Duration) *book {
	return &book{policy: policy, forgetAfter: forgetAfter, records: map[string]*record{}}
}

// scanned takes over what a scan saw, and forgets what is gone for long.
func (b *book) scanned(devices []discovery.Device, now time.Time) {
	for _, device := range devices {
		r, known := b.records[device.ID]
		if !known {
			r = &record{Entry: Entry{Health: health.New(now)}}
			b.records[device.ID] = r
		}
		r.onBus = now
		b.update(r, Entry{Device: device, Health: r.Health})
	}
	for id, r := range b.records {
		if now.Sub(r.onBus) >= b.forgetAfter {
			delete(b.records, id)
			b.news = true
		}
	}
}

// observed takes over a probe's result, and returns the change of state, if any.
func (b *book) observed(id string, o health.Observation, now time.Time) (Transition, bool) {
	r, known := b.records[id]
	if !known {
		return Transition{}, false
	}
	before, next := r.Health.State, b.policy.Next(r.Health, o, now)
	t := Transition{
		Device: r.Device, From: before, To: next.State, Reason: next.Reason, At: now, First: !r.judged,
	}
	b.update(r, Entry{Device: r.Device, Health: next})
	r.probed, r.judged = true, r.judged || next.State != health.Unknown
	return t, before != next.State
}

func (b *book) update(r *record, next Entry) {
	b.news = b.news || r.differs(next)
	r.Entry = next
}

// complete says whether every device was probed at least once.
func (b *book) complete() bool {
	for _, r := range b.records {
		if !r.probed {
			return false
		}
	}
	return true
}

func (b *book) devices() []discovery.Device {
	devices := make([]discovery.Device, 0, len(b.records))
	for _, r := range b.records {
		devices = append(devices, r.Device)
	}
	return devices
}

// entries returns the devices sorted by ID: all the news there is.
func (b *book) entries() []Entry {
	b.news = false
	entries := make([]Entry, 0, len(b.records))
	for _, r := range b.records {
		entries = append(entries, r.Entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Device.ID, b.Device.ID) })
	return entries
}

// differs says whether someone who knew one entry needs to hear of the other. When a
// device was last seen is no news.
func (e Entry) differs(other Entry) bool {
	return !e.Device.Equal(other.Device) || e.Health.State != other.Health.State ||
		e.Health.Offered != other.Health.Offered || e.Health.Reason != other.Health.Reason
}
