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

func TestFrameEscapesLineBreaks(t *testing.T) {
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

func TestParseReadsWhatFrameWrites(t *testing.T) {
	t.Parallel()
	want := []stream.Event{
		{ID: "12", Name: "MODIFIED", Data: []byte(`{"a": "b: c"}`)}, {Data: []byte("a\n\nid: 9\nevent: b\n")}, {Name: "end", Data: []byte{}},
	}
	var frames []byte
	for _, event := range want {
		frames = append(frames, event.Frame()...)
	}
	got := stream.Parse(frames)
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].ID != want[i].ID || got[i].Name != want[i].Name || string(got[i].Data) != string(want[i].Data) {
			t.Errorf("got %q, want %q", got[i].Frame(), want[i].Frame())
		}
	}
}

// serve serves a handler over HTTP/1 or HTTP/2, and returns the body of the response.
func serve(t *testing.T, http2 bool, handler http.HandlerFunc, configure func(*http.Server)) io.Reader {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	configure(server.Config)
	server.StartTLS()
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if (response.ProtoMajor == 2) != http2 {
		t.Fatalf("the protocol is %s", response.Proto)
	}
	return response.Body
}

// overEachProtocol runs a test over HTTP/1 and HTTP/2.
func overEachProtocol(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Helper()
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, http2)
		})
	}
}

// Neither the server's timeouts nor the limit of an earlier Send end a stream.
func TestStreamOutlivesTheTimeoutOfARequest(t *testing.T) {
	t.Parallel()
	overEachProtocol(t, func(t *testing.T, http2 bool) {
		t.Helper()
		const timeout = time.Second // On a busy machine, a TLS handshake takes part of it.
		next := make(chan string)
		body := serve(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			s, err := stream.Open(w, stream.ContentType, timeout)
			for data := range next {
				if err == nil {
					err = s.Send(stream.Event{Data: []byte(data)}.Frame())
				}
			}
			if err != nil {
				t.Error(err)
			}
		}, func(server *http.Server) { server.ReadTimeout, server.WriteTimeout = timeout, timeout })
		defer close(next)
		lines := bufio.NewReader(body)
		for _, data := range []string{"a", "b"} {
			<-time.After(timeout + timeout/4)
			next <- data
			want := "data: " + data + "\n\n"
			got := make([]byte, len(want))
			if _, err := io.ReadFull(lines, got); err != nil || string(got) != want {
				t.Fatalf("read %q, %v; want %q", got, err, want)
			}
		}
	})
}

func TestClientThatDoesNotReadIsDisconnected(t *testing.T) {
	t.Parallel()
	overEachProtocol(t, func(t *testing.T, http2 bool) {
		t.Helper()
		ended := make(chan error, 1)
		serve(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			s, err := stream.Open(w, stream.ContentType, 100*time.Millisecond)
			frame := stream.Event{Data: make([]byte, 1<<20)}.Frame()
			for err == nil {
				err = s.Send(frame)
			}
			ended <- err
		}, func(*http.Server) {})
		select {
		case err := <-ended:
			if err == nil {
				t.Error("the stream ended without an error")
			}
		case <-time.After(time.Minute):
			t.Error("the stream does not end")
		}
	})
}

// A client that is slower than one Send, but not stopped, gets all events.
func TestSlowClientReadsEverything(t *testing.T) {
	t.Parallel()
	overEachProtocol(t, func(t *testing.T, http2 bool) {
		t.Helper()
		const frames = 20
		frame := stream.Event{Data: make([]byte, 1<<20)}.Frame()
		body := serve(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			s, err := stream.Open(w, stream.ContentType, 10*time.Second)
			for range frames {
				if err == nil {
					err = s.Send(frame)
				}
			}
			if err != nil {
				t.Error(err)
			}
		}, func(*http.Server) {})
		buffer := make([]byte, 1<<20)
		size := 0
		for {
			<-time.After(10 * time.Millisecond)
			n, err := io.ReadFull(body, buffer)
			size += n
			if err != nil {
				break
			}
		}
		if size != frames*len(frame) {
			t.Errorf("read %d bytes, want %d", size, frames*len(frame))
		}
	})
}
