package stream_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/stream"
)

func TestNoTextEndsItsEvent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event stream.Event
		want  string
	}{
		"all fields":       {stream.Event{ID: "12", Name: "MODIFIED", Data: []byte(`{"a":1}`)}, "id: 12\nevent: MODIFIED\ndata: {\"a\":1}\n\n"},
		"lines":            {stream.Event{Data: []byte("a\nb")}, "data: a\ndata: b\n\n"},
		"an event in data": {stream.Event{Data: []byte("a\n\nid: 9\r\revent: b\r\n")}, "data: " + strings.ReplaceAll("a||id: 9||event: b|", "|", "\ndata: ") + "\n\n"},
		"nothing":          {stream.Event{}, "data: \n\n"},
	} {
		if got := string(test.event.Frame()); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// The server's own limits on a request and its answer do not end a stream.
func TestAStreamOutlivesTheTimeOfARequest(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s, err := stream.Open(w, stream.ContentType, 10*time.Second)
		if err != nil {
			t.Error(err)
			return
		}
		for data := range next {
			if err := s.Send(stream.Event{Data: []byte(data)}.Frame()); err != nil {
				t.Error(err)
			}
		}
	}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	<-time.After(200 * time.Millisecond) // what would have ended it has passed
	for _, data := range []string{"a", "b"} {
		next <- data
		want := "data: " + data + "\n\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(lines, got); err != nil || string(got) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	close(next)
}

func TestAReaderWhoDoesNotReadIsCut(t *testing.T) {
	t.Parallel()
	cut := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s, err := stream.Open(w, stream.ContentType, 100*time.Millisecond)
		frame := stream.Event{Data: make([]byte, 1<<20)}.Frame()
		for err == nil {
			err = s.Send(frame)
		}
		cut <- err
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := <-cut; err == nil {
		t.Error("the stream has no end")
	}
}
