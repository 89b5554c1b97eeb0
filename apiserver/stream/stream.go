// Package stream writes server-sent events, as
// https://html.spec.whatwg.org/multipage/server-sent-events.html has them, to readers who
// may be slow, silent or gone: a write that does not get through in time ends the stream,
// so that nothing piles up for a reader.
package stream

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// ContentType is a stream's.
const ContentType = "text/event-stream"

// Event is one event. An ID is what a reader resumes after, by Last-Event-ID; a Name is
// what a reader listens for, "message" if it is empty. Neither has a line break.
type Event struct {
	ID, Name string
	Data     []byte
}

// Frame is the event as it is written: made once for all readers.
func (e Event) Frame() []byte {
	var text bytes.Buffer
	for _, field := range []struct{ name, value string }{{"id", e.ID}, {"event", e.Name}} {
		if field.value != "" {
			text.WriteString(field.name + ": " + field.value + "\n")
		}
	}
	// A reader takes each of the three for the end of a line.
	data := bytes.ReplaceAll(bytes.ReplaceAll(e.Data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		text.WriteString("data: ")
		text.Write(line)
		text.WriteByte('\n')
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// Stream is an answer that goes on.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
}

// Open begins the answer. It has no time to end from here on, but each Send has limit.
func Open(w http.ResponseWriter, contentType string, limit time.Duration) (*Stream, error) {
	s := &Stream{w: w, control: http.NewResponseController(w), limit: limit}
	// What limits the reading of a request would end the connection under its answer.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("beginning a stream: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	return s, s.Send()
}

// Send writes and flushes frames.
func (s *Stream) Send(frames ...[]byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.limit)); err != nil {
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

// Beat writes a comment of events, which shows proxies and the reader that somebody is there.
func (s *Stream) Heartbeat() error { return s.Send([]byte(":\n\n")) }
