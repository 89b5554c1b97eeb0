// Package stream writes server-sent events, as specified in
// https://html.spec.whatwg.org/multipage/server-sent-events.html. Nothing is buffered for slow
// readers: a write that times out ends the stream.
package stream

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// The names of a watch's events, as in Kubernetes. A reset is followed by all objects and a
// bookmark. Other bookmarks only carry an id to resume from.
const (
	Added    = "ADDED"
	Modified = "MODIFIED"
	Deleted  = "DELETED"
	Reset    = "RESET"
	Bookmark = "BOOKMARK"
)

// ContentType is the media type of a stream.
const ContentType = "text/event-stream"

// Event is one event. Readers resume after its ID by Last-Event-ID. An empty Name means
// "message". Neither contains a line break.
type Event struct {
	ID, Name string
	Data     []byte
}

// Frame encodes the event.
func (e Event) Frame() []byte {
	var text bytes.Buffer
	for _, field := range []struct{ name, value string }{{"id", e.ID}, {"event", e.Name}} {
		if field.value != "" {
			text.WriteString(field.name + ": " + field.value + "\n")
		}
	}
	// All of \n, \r\n and \r end a line.
	data := bytes.ReplaceAll(bytes.ReplaceAll(e.Data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		text.WriteString("data: ")
		text.Write(line)
		text.WriteByte('\n')
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// Parse returns the events of frames that Frame has encoded.
func Parse(frames []byte) []Event {
	var events []Event
	event, isOpen := Event{}, false
	for line := range bytes.Lines(frames) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		field, value, _ := bytes.Cut(line, []byte(": "))
		switch string(field) {
		case "":
			events, event, isOpen = append(events, event), Event{}, false
		case "id":
			event.ID = string(value)
		case "event":
			event.Name = string(value)
		case "data":
			if isOpen {
				event.Data = append(event.Data, '\n')
			}
			event.Data, isOpen = append(event.Data, value...), true
		}
	}
	return events
}

// Stream is an open-ended response.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration // of a write
}

// Open starts the response. Its duration is not limited, but each Send must complete within
// the timeout.
func Open(w http.ResponseWriter, contentType string, timeout time.Duration) (*Stream, error) {
	s := &Stream{w: w, control: http.NewResponseController(w), timeout: timeout}
	// The server's read timeout would end the connection.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("starting a stream: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Accel-Buffering", "no") // of nginx
	w.WriteHeader(http.StatusOK)
	return s, s.Send()
}

// Send writes and flushes frames.
func (s *Stream) Send(frames ...[]byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	for _, frame := range frames {
		if _, err := s.w.Write(frame); err != nil {
			return err
		}
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	// In HTTP/2 a deadline that passes resets the stream even if nothing is being written.
	return s.control.SetWriteDeadline(time.Time{})
}

// Heartbeat writes an empty comment, which keeps proxies from closing the connection.
func (s *Stream) Heartbeat() error { return s.Send([]byte(":\n\n")) }
