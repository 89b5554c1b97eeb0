package fetchers

import (
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Snapshot is all devices at one time. It is immutable: its methods return copies.
type Snapshot struct {
	time    time.Time
	vendors []view // by type
}

// view holds one vendor's devices.
type view struct {
	state   VendorState
	devices Devices
}

// VendorState is the result of the last refresh of one vendor.
type VendorState struct {
	Type string `json:"type"`
	// Fetched is when the devices were read; zero if they never were.
	Fetched time.Time `json:"fetched"`
	Devices int       `json:"devices"`
	// Err is the error of the last refresh. If it is not nil, the devices are as old as Fetched.
	Err         error       `json:"-"`
	Diagnostics Diagnostics `json:"-"`
}

// isPartial reports whether Prometheus warned that its response may be incomplete.
func (v *VendorState) isPartial() bool { return len(v.Diagnostics.Warnings) > 0 }

// Time is when the refresh that made the snapshot began.
func (s *Snapshot) Time() time.Time { return s.time }

// Vendors are the states of all vendors, by type.
func (s *Snapshot) Vendors() []VendorState {
	states := make([]VendorState, 0, len(s.vendors))
	for _, v := range s.vendors {
		state := v.state
		state.Diagnostics.Dropped = maps.Clone(state.Diagnostics.Dropped)
		state.Diagnostics.Warnings = slices.Clone(state.Diagnostics.Warnings)
		states = append(states, state)
	}
	return states
}

// Device returns one device.
func (s *Snapshot) Device(kind, node, id string) (*HardwareDeviceStatus, bool) {
	for _, v := range s.vendors {
		if status := v.devices[node][id]; status != nil && status.Type == kind {
			return status.Clone(), true
		}
	}
	return nil, false
}

// All yields every device, by node, type and id.
func (s *Snapshot) All() iter.Seq[*HardwareDeviceStatus] {
	return func(yield func(*HardwareDeviceStatus) bool) {
		for _, node := range s.nodes() {
			for _, v := range s.vendors {
				devices := v.devices[node]
				for _, id := range slices.SortedFunc(maps.Keys(devices), natural) {
					if !yield(devices[id].Clone()) {
						return
					}
				}
			}
		}
	}
}

func (s *Snapshot) nodes() []string {
	names := map[string]bool{}
	for _, v := range s.vendors {
		for name := range v.devices {
			names[name] = true
		}
	}
	return slices.SortedFunc(maps.Keys(names), natural)
}

// same reports whether two snapshots are equal apart from their times.
func (s *Snapshot) same(other *Snapshot) bool {
	return other != nil && slices.EqualFunc(s.vendors, other.vendors, func(a, b view) bool {
		return (a.state.Err == nil) == (b.state.Err == nil) && a.state.isPartial() == b.state.isPartial() && sameDevices(a.devices, b.devices)
	})
}

func sameDevices(a, b Devices) bool {
	return maps.EqualFunc(a, b, func(a, b map[string]*HardwareDeviceStatus) bool {
		return maps.EqualFunc(a, b, func(a, b *HardwareDeviceStatus) bool {
			if a == b {
				return true
			}
			timeless := *a
			timeless.Time = b.Time
			return reflect.DeepEqual(&timeless, b)
		})
	})
}

// natural orders npu2 before npu10.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			m, n := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if len(m) != len(n) {
				return len(m) - len(n)
			}
			if c := strings.Compare(m, n); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
