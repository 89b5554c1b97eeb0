package health

import (
	"math/bits"
	"time"
)

// State is a device's state.
type State string

// The states. Every device starts as Unknown.
const (
	Unknown    State = "Unknown"
	Healthy    State = "Healthy"
	Suspect    State = "Suspect"
	Unhealthy  State = "Unhealthy"
	Recovering State = "Recovering"
)

// States returns all states.
func States() []State {
	return []State{Unknown, Healthy, Suspect, Unhealthy, Recovering}
}

// Result is the result of one probe.
type Result int

// The results.
const (
	NoData Result = iota // the probe read nothing
	Good
	Bad
	Absent // the device node or the card does not exist
)

// Reason is a CamelCase code of a small set, and a message.
type Reason struct {
	Code    string
	Message string
}

// NotProbed is the reason of a device that has not been probed.
const NotProbed = "NotProbed"

// Observation is one probe's result.
type Observation struct {
	Result Result
	Reason Reason
}

// Status is a device's health. It is an immutable value.
type Status struct {
	State State
	// Offered is true if the device may be allocated.
	Offered bool
	// Reason is that of the observation that changed the state, or of a newer one with
	// another code.
	Reason Reason
	// Since is when the state was entered.
	Since time.Time
	// LastData is when a probe last had data.
	LastData time.Time

	window window
}

// New returns the status of a new device.
func New(now time.Time) Status {
	return Status{State: Unknown, Reason: Reason{NotProbed, "the device has not been probed yet"}, Since: now, LastData: now}
}

// window holds the last results with data, the newest in the lowest bit; a set bit
// is a bad result.
type window struct {
	bad    uint32
	length int
}

func (w window) push(bad bool) window {
	w.bad <<= 1
	if bad {
		w.bad |= 1
	}
	w.length = min(w.length+1, 32)
	return w
}

// failed counts the bad results among the last `of`.
func (w window) failed(of int) int {
	return bits.OnesCount32(w.bad & lowest(min(of, w.length)))
}

// passed reports whether there are n results and the last n were good.
func (w window) passed(n int) bool {
	return w.length >= n && w.failed(n) == 0
}

func lowest(n int) uint32 {
	return uint32(1)<<n - 1 // n is 32 at most, and 1<<32 is 0, so that all bits are set
}
