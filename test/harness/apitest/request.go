package apitest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// Response is an answer that was read to its end or, if it is a stream, its first line.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	tb      testing.TB
	request string
}

// Request returns a request of a user's or, if as is empty, without credentials.
// NAMESPACE in the path stands for the test's. Headers are pairs; a PATCH is a JSON merge
// patch unless they name another Content-Type.
func (s *Server) Request(ctx context.Context, as, method, path, body string, headers ...string) *http.Request {
	s.Helper()
	path = strings.ReplaceAll(path, "NAMESPACE", s.Namespace)
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	s.Must(err)
	if as != "" {
		request.Header.Set("Authorization", "Bearer "+as)
	}
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request
}

// Do sends a request and reads the answer.
func (s *Server) Do(as, method, path, body string, headers ...string) Response {
	s.Helper()
	return s.Send(s.Request(s.Context(), as, method, path, body, headers...))
}

// Send sends a request as it is and reads the answer.
func (s *Server) Send(request *http.Request) Response {
	s.Helper()
	response := s.Open(request)
	defer func() { _ = response.Body.Close() }()
	var content []byte
	var err error
	if response.Header.Get("Content-Type") == stream.ContentType && request.Method != http.MethodHead {
		content, err = bufio.NewReader(response.Body).ReadBytes('\n')
	} else {
		content, err = io.ReadAll(response.Body)
	}
	s.Must(err)
	return Response{response.StatusCode, response.Header, content, s.Harness, request.Method + " " + request.URL.Path}
}

// Open sends a request and leaves the answer's body to be read and closed by the caller.
func (s *Server) Open(request *http.Request) *http.Response {
	s.Helper()
	response, err := s.client.Do(request)
	s.Must(err)
	return response
}

// AwaitResponse repeats a request until its response matches, and returns that response.
func (s *Server) AwaitResponse(what string, matches func(Response) bool, as, method, path, body string) Response {
	s.Helper()
	var last Response
	defer func() {
		if s.Failed() {
			s.Logf("the last answer: %d %v %s", last.Status, last.Header, last.Body)
		}
	}()
	s.Await(what, func() bool {
		last = s.Do(as, method, path, body)
		return matches(last)
	})
	return last
}

// AwaitStatus repeats a request until it is answered with the status.
func (s *Server) AwaitStatus(status int, as, method, path, body string) Response {
	s.Helper()
	return s.AwaitResponse(http.StatusText(status)+" for "+as+": "+method+" "+path,
		func(r Response) bool { return r.Status == status }, as, method, path, body)
}

// Want fails the test unless the answer has the status.
func (r Response) Want(status int) Response {
	r.tb.Helper()
	if r.Status != status {
		r.tb.Fatalf("%s: status %d, want %d: %s", r.request, r.Status, status, r.Body)
	}
	return r
}

// JSON returns the answer's object.
func (r Response) JSON() map[string]any {
	r.tb.Helper()
	object := map[string]any{}
	r.Decode(&object)
	return object
}

// Decode reads the answer's JSON.
func (r Response) Decode(into any) {
	r.tb.Helper()
	if err := json.Unmarshal(r.Body, into); err != nil {
		r.tb.Fatalf("%s: %v: %s", r.request, err, r.Body)
	}
}

// Problem returns an error answer, and fails the test if the answer is not a complete one.
func (r Response) Problem() problem.Error {
	r.tb.Helper()
	if got := r.Header.Get("Content-Type"); got != problem.ContentType {
		r.tb.Fatalf("%s: the answer is %q: %s", r.request, got, r.Body)
	}
	var answer problem.Error
	r.Decode(&answer)
	if answer.Status != r.Status || answer.Title == "" || answer.Type == "" || answer.Instance == "" {
		r.tb.Errorf("%s: status %d: the problem is incomplete: %s", r.request, r.Status, r.Body)
	}
	if answer.RequestID == "" || answer.RequestID != r.Header.Get(problem.RequestID) {
		r.tb.Errorf("the problem's request id is %q, the header's %q", answer.RequestID, r.Header.Get(problem.RequestID))
	}
	return answer
}

// IsStale reports whether the answer comes from a cache that is cut off from Kubernetes.
func (r Response) IsStale() bool { return r.Header.Get("Warning") != "" }

// Log is what a server logged, as lines of JSON.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Logger returns a logger that writes to the log.
func (l *Log) Logger() logr.Logger {
	return funcr.NewJSON(func(line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text.WriteString(line + "\n")
	}, funcr.Options{})
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Watch opens a stream of server-sent events and returns those that are not bookmarks,
// as "NAME ID". The stream ends with the test.
func (s *Server) Watch(as, path string) <-chan string {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	response := s.Open(s.Request(ctx, as, http.MethodGet, path, "")) //nolint:bodyclose // Closed by the goroutine.
	events, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(events)
		defer func() { _ = response.Body.Close() }()
		readEvents(response.Body, events)
	}()
	s.Cleanup(func() {
		cancel()
		<-ended
	})
	if response.StatusCode != http.StatusOK {
		s.Fatalf("%s: status %d", path, response.StatusCode)
	}
	return events
}

func readEvents(body io.Reader, events chan<- string) {
	id, name := "", ""
	for lines := bufio.NewScanner(body); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case key == "id":
			id = value
		case key == "event":
			name = value
		case key == "" && name != "" && name != "BOOKMARK":
			events <- name + " " + id
			name = ""
		}
	}
}
