package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
)

// logEvent is one event of a log's stream.
type logEvent struct{ Name, Data string }

// open opens the stream of a log.
func (k *ownedFixture) open(ctx context.Context, query, accept string) *bufio.Reader {
	k.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		k.URL+"/api/v1/namespaces/"+k.Namespace+"/npudeploys/"+k.name+"/logs?"+query, nil)
	if err != nil {
		k.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer vic")
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		k.Fatalf("status %d: %s", response.StatusCode, text)
	}
	return bufio.NewReader(response.Body)
}

// readEvents reads events until one of the name, or the end.
func readEvents(t *testing.T, body *bufio.Reader, until string) []logEvent {
	t.Helper()
	var all []logEvent
	for event := (logEvent{}); ; {
		line, err := body.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			event.Name = value
		case "data":
			event.Data += value + "\n"
		case "":
			if event.Data != "" {
				event.Data = strings.TrimSuffix(event.Data, "\n")
				all = append(all, event)
			}
			if event.Name == until && until != "" {
				return all
			}
			event = logEvent{}
		default:
			if line != ":\n" {
				t.Fatalf("a line of events is %q", line)
			}
		}
	}
}

// isCheck reports whether the request only checks that the log exists.
func isCheck(r *http.Request) bool { return r.URL.Query().Get("tailLines") == "0" }

// write writes and flushes text.
func write(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

func TestLogIsText(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	requests := make(chan *url.URL, 10)
	node := k.node(func(w http.ResponseWriter, r *http.Request) {
		if !isCheck(r) {
			requests <- r.URL
			write(w, "one\n\x1b[31mtwo\xff\n")
		}
	})
	k.pod("a-waits", "", k.set, corev1.PodStatus{})
	k.pod("b", node, k.set, running())
	for query, want := range map[string]string{
		"": "/server?limitBytes=10485761&tailLines=1000",
		"?pod=b&container=proxy&tail=5&since=90s&previous=true&timestamps=true": "/proxy?limitBytes=10485761&previous=true&sinceSeconds=90&tailLines=5&timestamps=true",
		"?since=1500ms&follow=true": "/server?follow=true&sinceSeconds=2",
	} {
		got := k.do("vic", http.MethodGet, "home/logs"+query, "").Want(http.StatusOK)
		if string(got.Body) != "one\n\x1b[31mtwo\xff\n" || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: %q %q", query, got.Header.Get("Content-Type"), got.Body)
		}
		if got.Header.Get("NuFi-Pod") != "b" || !strings.HasPrefix(want, "/"+got.Header.Get("NuFi-Container")+"?") {
			t.Errorf("%q: read of %v", query, got.Header)
		}
		if call, want := <-requests, "/containerLogs/"+k.Namespace+"/b"+want; call.String() != want {
			t.Errorf("%q: the kubelet receives %s, want %s", query, call, want)
		}
	}
	if lines := strings.Count(k.Log.String(), `"change":"read log"`); lines != 3 || !strings.Contains(k.Log.String(), `"user":"vic"`) {
		t.Errorf("%d lines about logs that were read: %s", lines, k.Log)
	}
}

func TestFollowedLogEndsWithItsContainer(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	next := make(chan string)
	node := k.node(func(w http.ResponseWriter, r *http.Request) {
		if isCheck(r) {
			return
		}
		for text := range next {
			write(w, text)
		}
	})
	pod := k.pod("a", node, k.set, running())
	body := k.open(t.Context(), "follow=true", "text/event-stream")
	if got := readEvents(t, body, "pod"); len(got) != 1 || got[0].Data != `{"container":"server","pod":"a"}` {
		t.Errorf("the beginning is %q", got)
	}
	next <- "loading 1%\rloading 99%\n\nevent: end\ndata: forged\xff\n"
	next <- "the end of"
	k.write(pod, dead(7, true))
	close(next)
	want := []logEvent{
		{"", "loading 1%\nloading 99%"}, {"", ""}, {"", "event: end"}, {"", "data: forged\uFFFD"}, {"part", "the end of"},
		{"end", `{"detail":"container server ended with exit code 7 (Error)","exitCode":7}`},
	}
	if diff := cmp.Diff(want, readEvents(t, body, "")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// silentNode adds a node that sends no log, and closes the channel when a log is requested.
func (k *ownedFixture) silentNode() (name string, requested <-chan struct{}) {
	first := make(chan struct{})
	var once sync.Once
	return k.node(func(_ http.ResponseWriter, r *http.Request) {
		if !isCheck(r) {
			once.Do(func() { close(first) })
			<-r.Context().Done()
		}
	}), first
}

func TestFollowedLogEndsWithItsPod(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t, func(o *api.Options) { o.Limits.Streams.Revalidate = 50 * time.Millisecond }))
	silent, requested := k.silentNode()
	k.pod("a", silent, k.set, running())
	body := k.open(t.Context(), "follow=true", "text/event-stream")
	readEvents(t, body, "pod")
	<-requested
	k.Delete(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: "a"}}, client.GracePeriodSeconds(0))
	if got := readEvents(t, body, ""); len(got) != 1 || got[0].Name != "end" || !strings.Contains(got[0].Data, "the pod is gone") {
		t.Errorf("the end is %q", got)
	}
}

func TestFollowedLogEndsWhenThePermissionIsRevoked(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t, func(o *api.Options) { o.Limits.Streams.Revalidate = 50 * time.Millisecond }))
	silent, requested := k.silentNode()
	k.pod("a", silent, k.set, running())
	body := k.open(t.Context(), "follow=true", "text/event-stream")
	readEvents(t, body, "pod")
	<-requested
	k.unbind("vic", "nufi-project-viewer")
	if got := readEvents(t, body, ""); len(got) != 1 || got[0].Name != "end" || !strings.Contains(got[0].Data, `"status":403`) {
		t.Errorf("the end is %q", got)
	}
}

func TestIncompleteTextAbortsTheConnection(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	node := k.node(func(w http.ResponseWriter, r *http.Request) {
		if !isCheck(r) {
			write(w, "a line\n")
			<-r.Context().Done()
		}
	})
	k.pod("a", node, k.set, running())
	body := k.open(t.Context(), "follow=true", "")
	if line, err := body.ReadString('\n'); line != "a line\n" || err != nil {
		t.Fatalf("read %q: %v", line, err)
	}
	k.API.EndStreams()
	if rest, err := io.ReadAll(body); len(rest) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q: %v", rest, err)
	}
}

// Not parallel: no other test may have a log reader.
func TestLogReaderEndsWithItsClient(t *testing.T) { //nolint:paralleltest // it counts
	k := newOwnedFixture(newFixture(t, func(o *api.Options) { o.Limits.Streams.Write = 100 * time.Millisecond }))
	opened, closed := make(chan string, 10), make(chan string, 10)
	node := k.node(func(w http.ResponseWriter, r *http.Request) {
		if isCheck(r) {
			return
		}
		opened <- r.URL.Path
		for r.Context().Err() == nil && r.URL.Query().Get("sinceSeconds") == "" {
			write(w, strings.Repeat("x", 1<<10)+"\n")
		}
		<-r.Context().Done()
		closed <- r.URL.Path
	})
	k.pod("a", node, k.set, running())
	k.open(t.Context(), "follow=true", "") // and does not read it
	<-opened
	<-closed
	ctx, leave := context.WithCancel(t.Context())
	k.open(ctx, "follow=true&since=1s", "text/event-stream")
	<-opened
	leave()
	<-closed
	k.Await("the reader to end", func() bool {
		var stacks strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
			t.Fatal(err)
		}
		return !strings.Contains(stacks.String(), "(*podLog).read")
	})
}

func TestUnreadableLogIsReportedWithItsReason(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t, func(o *api.Options) { o.Limits.Time = 3 * time.Second }))
	node := k.node(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "silent"):
			<-r.Context().Done()
		case r.URL.Query().Get("previous") != "":
			http.Error(w, `previous terminated container "server" in pod "pulls" not found`, http.StatusBadRequest)
		default:
			http.Error(w, `container "server" in pod "pulls" is waiting to start: trying and failing to pull image`, http.StatusBadRequest)
		}
	})
	k.pod("pulls", node, k.set, pulling())
	k.pod("silent", node, k.set, running())
	k.pod("waits", "", k.set, corev1.PodStatus{Phase: corev1.PodPending})
	other := newOwned(k.fixture, "other")
	other.pod("foreign", node, other.set, running())
	for query, want := range map[string]struct {
		status int
		detail string
	}{
		"pod=pulls":                  {400, "is waiting to start: trying and failing to pull image; ImagePull: image example.com/vllm:1 of container server cannot be pulled: no such tag"},
		"pod=pulls&previous=true":    {400, `previous terminated container "server" in pod "pulls" not found; ImagePull: `},
		"pod=waits":                  {409, "pod waits is not scheduled yet; Progressing: waiting for the scheduler"},
		"pod=silent":                 {504, "node " + node + " does not respond"},
		"pod=silent&container=other": {400, "container must be one of proxy, server"},
		"pod=foreign":                {404, "the NpuDeploy has no pod foreign"},
		"follow=yes":                 {400, "follow must be true or false"},
		"since=yesterday":            {400, "since must be a duration"},
		"since=-1s":                  {400, "since must be a duration"},
		"tail=-1":                    {400, "tail must be a number"},
		"limit=1":                    {400, "limit"},
	} {
		got := k.do("vic", http.MethodGet, "home/logs?"+query, "", "Accept", "text/event-stream").Want(want.status).Problem()
		if !strings.Contains(got.Detail, want.detail) {
			t.Errorf("%s: %q, want %q", query, got.Detail, want.detail)
		}
	}
}

func TestLogOfANodeWithoutAKubelet(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	node := k.node(nil)
	k.pod("a", node, k.set, running())
	got := k.do("vic", http.MethodGet, "home/logs?follow=true", "").Want(http.StatusBadGateway).Problem()
	if !strings.HasPrefix(got.Detail, "node "+node+" returns no log") || strings.Contains(got.Detail, "127.0.0.1") {
		t.Errorf("the log is rejected with %q", got.Detail)
	}
}

func TestLogThatIsCutSaysSo(t *testing.T) {
	t.Parallel()
	k := newOwnedFixture(newFixture(t))
	const limit, line = 10 << 20, "a line of 16 B.\n"
	sizes := map[string]int{"whole": limit, "cut": limit + 1, "long": limit + 100*len(line)}
	node := k.node(func(w http.ResponseWriter, r *http.Request) {
		pod := strings.Split(r.URL.Path, "/")[3]
		_, _ = io.WriteString(w, strings.Repeat(line, limit/len(line)+100)[:sizes[pod]]) // also if less was requested
	})
	for name, size := range sizes {
		k.pod(name, node, k.set, running())
		got := string(k.do("vic", http.MethodGet, "home/logs?pod="+name, "").Want(http.StatusOK).Body)
		text, end, isCut := strings.Cut(got, "\n[the log is cut after 10 MiB, ")
		if len(text) != min(size, limit) || isCut != (size > limit) || isCut && !strings.HasSuffix(end, "by follow=true]\n") {
			t.Errorf("%s: %d bytes, cut %t %q", name, len(text), isCut, end)
		}
		events := readEvents(t, k.open(t.Context(), "pod="+name, "text/event-stream"), "")
		if last := events[len(events)-1]; last.Name != "end" || strings.Contains(last.Data, "the log is cut") != isCut {
			t.Errorf("%s: the last event is %v", name, last)
		}
		if lines := len(events) - 2; lines != limit/len(line) { // between pod and end
			t.Errorf("%s: %d lines", name, lines)
		}
	}
	if got := k.do("vic", http.MethodGet, "home/logs?pod=long&follow=true", "").Want(http.StatusOK); len(got.Body) != sizes["long"] {
		t.Errorf("the followed log has %d bytes", len(got.Body))
	}
}
