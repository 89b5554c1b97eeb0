package live

import (
	"bytes"
	"slices"
	"sort"

	"github.com/dudaji/nufi/apiserver/stream"
)

// Bounds of the history, and so of how far a reader may fall behind.
const (
	maxEvents = 2048
	maxBytes  = 32 << 20
)

// Event is a change of an NpuDeploy. It is shared and must not be modified.
type Event struct {
	Type   string  // stream.Added, Modified or Deleted
	Deploy *Deploy // after the change, or the deleted one
	Before *Deploy // before the change; nil if it did not exist

	version  string
	frame    []byte
	idLength int // of the frame's first line, which is the id
}

// Frame returns the event encoded for streams. Its id is a resourceVersion for PositionAfter.
func (e Event) Frame() []byte { return e.frame }

// FrameWithoutID returns the Frame without its id.
func (e Event) FrameWithoutID() []byte { return e.frame[e.idLength:] }

// bytes is the memory of the event. Before belongs to an earlier one.
func (e Event) bytes() int { return len(e.frame) + len(e.Deploy.JSON) }

// Position is a position between two events, valid in this process only.
type Position int

// history holds recent events in the order of their resourceVersions.
type history struct {
	events  []Event
	size    int      // bytes
	dropped Position // number of events before these
	floor   string   // resourceVersion of the last dropped event
}

// add appends an event. Only the last event of a resourceVersion has an id.
func (h *history) add(event Event, version string, hasID bool) {
	encoded := stream.Event{Name: event.Type, Data: event.Deploy.JSON}
	if hasID {
		encoded.ID = version
	}
	event.version, event.frame = version, encoded.Frame()
	if hasID {
		event.idLength = bytes.IndexByte(event.frame, '\n') + 1
	}
	h.events = append(h.events, event)
	h.size += event.bytes()
	for len(h.events) > maxEvents || h.size > maxBytes {
		h.drop()
	}
}

func (h *history) drop() {
	oldest := h.events[0]
	h.size -= oldest.bytes()
	h.floor = oldest.version
	h.events[0] = Event{} // releases the event: the array remains in use
	h.events = h.events[1:]
	h.dropped++
}

// reset invalidates all positions and starts the history at a resourceVersion.
func (h *history) reset(floor string) {
	*h = history{dropped: h.end() + 1, floor: floor}
}

func (h *history) end() Position { return h.dropped + Position(len(h.events)) }

func (h *history) since(position Position) ([]Event, bool) {
	if position < h.dropped || position > h.end() {
		return nil, false
	}
	return slices.Clone(h.events[position-h.dropped:]), true
}

func (h *history) after(version string) (Position, bool) {
	if version != h.floor && !Newer(version, h.floor) {
		return 0, false
	}
	i := sort.Search(len(h.events), func(i int) bool { return Newer(h.events[i].version, version) })
	return h.dropped + Position(i), true
}
