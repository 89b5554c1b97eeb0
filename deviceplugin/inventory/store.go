package inventory

import (
	"slices"
	"strings"
	"time"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
)

// Entry is one device with its health.
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
	// First is true for the first state after the initial Unknown.
	First bool
}

// store holds the devices. It has no clock: the time is an argument.
type store struct {
	policy      health.Policy
	forgetAfter time.Duration
	records     map[string]*record
	lastScan    time.Time
	updated     bool // something changed since the last takeEntries
}

type record struct {
	Entry
	lastOnBus time.Time // when a scan last saw it
	probed    bool
	evaluated bool // it has had a state other than the initial Unknown
}

func newStore(policy health.Policy, forgetAfter time.Duration) *store {
	return &store{policy: policy, forgetAfter: forgetAfter, records: map[string]*record{}}
}

// recordScan records the devices of a scan, and removes those absent for forgetAfter.
func (s *store) recordScan(devices []discovery.Device, now time.Time) {
	for _, device := range devices {
		r, ok := s.records[device.ID]
		if !ok {
			r = &record{Entry: Entry{Health: health.New(now)}}
			s.records[device.ID] = r
		}
		s.recordDevice(r, device)
		r.lastOnBus = now
	}
	s.lastScan = now
	for id, r := range s.records {
		if now.Sub(r.lastOnBus) >= s.forgetAfter {
			delete(s.records, id)
			s.updated = true
		}
	}
}

// recordDevices records devices that were read again. It ignores unknown ones.
func (s *store) recordDevices(devices []discovery.Device) {
	for _, device := range devices {
		if r, ok := s.records[device.ID]; ok {
			s.recordDevice(r, device)
		}
	}
}

// recordDevice keeps the UUID of a card that does not report it any more, because its driver hangs. A card that was
// not on the bus at the last scan may be another one.
func (s *store) recordDevice(r *record, device discovery.Device) {
	if device.UUID == "" && r.lastOnBus.Equal(s.lastScan) {
		device.UUID = r.Device.UUID
	}
	s.update(r, Entry{Device: device, Health: r.Health})
}

// recordProbe records a probe's result, and returns the change of state, if any.
func (s *store) recordProbe(id string, o health.Observation, now time.Time) (Transition, bool) {
	r, ok := s.records[id]
	if !ok {
		return Transition{}, false
	}
	before, next := r.Health.State, s.policy.Next(r.Health, o, now)
	t := Transition{
		Device: r.Device, From: before, To: next.State, Reason: next.Reason, At: now, First: !r.evaluated,
	}
	s.update(r, Entry{Device: r.Device, Health: next})
	r.probed, r.evaluated = true, r.evaluated || next.State != health.Unknown
	return t, before != next.State
}

func (s *store) update(r *record, next Entry) {
	s.updated = s.updated || r.differs(next)
	r.Entry = next
}

// complete reports whether every device was probed at least once.
func (s *store) complete() bool {
	for _, r := range s.records {
		if !r.probed {
			return false
		}
	}
	return true
}

func (s *store) devices() []discovery.Device {
	devices := make([]discovery.Device, 0, len(s.records))
	for _, r := range s.records {
		devices = append(devices, r.Device)
	}
	return devices
}

// takeEntries returns the devices sorted by ID, and clears updated.
func (s *store) takeEntries() []Entry {
	s.updated = false
	entries := make([]Entry, 0, len(s.records))
	for _, r := range s.records {
		entries = append(entries, r.Entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Device.ID, b.Device.ID) })
	return entries
}

// differs reports whether two entries differ in more than the time of the last data.
func (e Entry) differs(other Entry) bool {
	return !e.Device.Equal(other.Device) || e.Health.State != other.Health.State ||
		e.Health.Offered != other.Health.Offered || e.Health.Reason != other.Health.Reason
}
