package live

import (
	"bytes"
	"slices"
	"sort"

	"github.com/dudaji/nufi/apiserver/stream"
)

// What is remembered at most: a reader may fall behind by so much, or be away for as long.
const (
	maxEvents = 2048
	maxBytes  = 32 << 20
)

// The types of events, as Kubernetes calls them.
const (
	Added    = "ADDED"
	Modified = "MODIFIED"
	Deleted  = "DELETED"
)

// Event is something that happened to an NpuDeploy. It is shared: nobody changes it.
type Event struct {
	Type   string
	Deploy *Deploy // as it is since, or was last
	Before *Deploy // as it was until then; nil if it was not there

	version string
	frame   []byte
	bare    int // where the frame without its id begins
}

// Frame is the event for a stream, made once for all readers. Its id is the version that
// Resume takes.
func (e Event) Frame() []byte { return e.frame }

// FrameWithoutID is the Frame without its id.
func (e Event) FrameWithoutID() []byte { return e.frame[e.bare:] }

// bytes is how much memory the event holds. Before is the Deploy of another.
func (e Event) bytes() int { return len(e.frame) + len(e.Deploy.JSON) }

// Position is a place between two events. It means something to one process only.
type Position int

// history is what has happened lately, in the order of the versions.
type history struct {
	events    []Event
	size      int
	forgotten Position // how many events there were before these
	floor     string   // the version of the last of them
}

// add takes the next event. Only an event that is the last of its version has an id.
func (h *history) add(event Event, version string, last bool) {
	framed := stream.Event{Name: event.Type, Data: event.Deploy.JSON}
	if last {
		framed.ID = version
	}
	event.version, event.frame = version, framed.Frame()
	if last {
		event.bare = bytes.IndexByte(event.frame, '\n') + 1 // the id is the first line
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
	h.events[0] = Event{} // the array lives on for a while
	h.events = h.events[1:]
	h.forgotten++
}

// forget has the history begin at a version. No position from before is known any more.
func (h *history) forget(floor string) {
	*h = history{forgotten: h.end() + 1, floor: floor}
}

func (h *history) end() Position { return h.forgotten + Position(len(h.events)) }

func (h *history) since(position Position) ([]Event, bool) {
	if position < h.forgotten || position > h.end() {
		return nil, false
	}
	return slices.Clone(h.events[position-h.forgotten:]), true
}

func (h *history) after(version string) (Position, bool) {
	if version != h.floor && !newer(version, h.floor) {
		return 0, false
	}
	i := sort.Search(len(h.events), func(i int) bool { return newer(h.events[i].version, version) })
	return h.forgotten + Position(i), true
}
