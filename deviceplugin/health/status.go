package health

import (
	"math/bits"
	"time"
)

// State is a device's place in the machine.
type State string

// The states. Unknown comes first: it is where every device starts.
const (
	Unknown    State = "Unknown"
	Healthy    State = "Healthy"
	Suspect    State = "Suspect"
	Unhealthy  State = "Unhealthy"
	Recovering State = "Recovering"
)

// States lists all of them, for whoever counts.
func States() []State {
	return []State{Unknown, Healthy, Suspect, Unhealthy, Recovering}
}

// Verdict is what one probe says.
type Verdict int

// The verdicts. The zero value says nothing about the device.
const (
	Missing Verdict = iota // no data
	Good
	Bad
	Gone // the device cannot be used at all: its node or the card is not there
)

// Reason says why: a CamelCase code of a small set, and a sentence for a person.
type Reason struct {
	Code    string
	Message string
}

// NotProbed is the reason of a device that nobody looked at yet.
const NotProbed = "NotProbed"

// Observation is one probe's result.
type Observation struct {
	Verdict Verdict
	Reason  Reason
}

// Status is all that is known of a device's health. It is a value: comparable, and
// safe to hand around.
type Status struct {
	State State
	// Offered says that the device may be given to a pod.
	Offered bool
	// Reason is that of the last observation which changed the state, or of a newer
	// one with another code.
	Reason Reason
	// Since is when the state was entered.
	Since time.Time
	// Seen is when a probe last had data.
	Seen time.Time

	window window
}

// New is the status of a device that was just found.
func New(now time.Time) Status {
	return Status{State: Unknown, Reason: Reason{NotProbed, "the device was not probed yet"}, Since: now, Seen: now}
}

// window remembers the last verdicts that had data, the newest in the lowest bit;
// a set bit was bad.
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

// failed counts the bad verdicts among the last `of`.
func (w window) failed(of int) int {
	return bits.OnesCount32(w.bad & lowest(min(of, w.length)))
}

// passed says whether the last n verdicts are there and none was bad.
func (w window) passed(n int) bool {
	return w.length >= n && w.failed(n) == 0
}

func lowest(n int) uint32 {
	return uint32(1)<<n - 1 // n is 32 at most, and 1<<32 is 0, so that all bits are set
}
