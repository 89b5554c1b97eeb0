package rest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/stream"
)

// fakeTopic is a Topic whose frames and access the test controls.
type fakeTopic struct {
	Topic

	frames  chan []byte
	request *http.Request
	denied  error
}

func newFakeTopic(name string) *fakeTopic {
	f := &fakeTopic{frames: make(chan []byte)}
	f.Topic = Topic{Name: name, Namespaced: true, Open: func(ctx context.Context, r *http.Request, _ *kube.UserClient) (Stream, error) {
		f.request = r
		frames := make(chan []byte)
		go func() {
			defer close(frames)
			for {
				select {
				case <-ctx.Done():
					return
				case frame, more := <-f.frames:
					if !more {
						return
					}
					frames <- frame
				}
			}
		}()
		return Stream{ContentType: stream.ContentType, Frames: frames, Authorize: func(context.Context) error { return f.denied }}, nil
	}}
	return f
}

func newWatchRequest(t *testing.T, query, lastID string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/watch?"+query, nil)
	r.Header.Set(lastEventID, lastID)
	return r
}

func openFakes(t *testing.T, lastID string, fakes ...*fakeTopic) Stream {
	t.Helper()
	topics := make([]Topic, len(fakes))
	for i, fake := range fakes {
		topics[i] = fake.Topic
	}
	merged, err := openMerged(t.Context(), newWatchRequest(t, "a.search=x&b.namespace=ml", lastID), nil, topics)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

func wantFrame(t *testing.T, s Stream, want string) {
	t.Helper()
	if got := string(<-s.Frames); got != want {
		t.Errorf("the frame is %q, want %q", got, want)
	}
}

func TestMergedStreamHasTheIDsOfAllTopics(t *testing.T) {
	t.Parallel()
	a, b := newFakeTopic("a"), newFakeTopic("b")
	merged := openFakes(t, "a=1&b=2&other=3", a, b)
	for fake, want := range map[*fakeTopic]string{a: "1", b: "2"} {
		if got := fake.request.Header.Get(lastEventID); got != want {
			t.Errorf("%s resumes after %q, want %q", fake.Name, got, want)
		}
	}
	send := func(topic *fakeTopic, events ...stream.Event) {
		var frame []byte
		for _, event := range events {
			frame = append(frame, event.Frame()...)
		}
		topic.frames <- frame
	}
	go send(a, stream.Event{ID: "7", Name: stream.Added, Data: []byte("{}")})
	wantFrame(t, merged, "id: a=7&b=2\nevent: a.ADDED\ndata: {}\n\n")
	go send(b, stream.Event{Data: []byte("1")}, stream.Event{ID: "9", Data: []byte("2")})
	wantFrame(t, merged, "event: b.message\ndata: 1\n\nid: a=7&b=9\nevent: b.message\ndata: 2\n\n")
	go send(a, stream.Event{Name: stream.Reset, Data: []byte("{}")})
	wantFrame(t, merged, "event: a.RESET\ndata: {}\n\n")
	go send(b, stream.Event{ID: "10", Data: []byte("3")})
	wantFrame(t, merged, "id: b=10\nevent: b.message\ndata: 3\n\n")
	close(a.frames)
	if got := string(<-merged.Frames); !strings.HasPrefix(got, "event: a.end\ndata: {") {
		t.Errorf("the end is %q", got)
	}
	close(b.frames)
	<-merged.Frames
	if _, more := <-merged.Frames; more {
		t.Error("the stream does not end with its topics")
	}
}

func TestMergedStreamEndsTheTopicOfARevokedRight(t *testing.T) {
	t.Parallel()
	a, b := newFakeTopic("a"), newFakeTopic("b")
	merged := openFakes(t, "", a, b)
	a.denied = problem.New(http.StatusForbidden, "no longer")
	b.denied = &url.Error{Op: "Get", URL: "/", Err: errors.New("connection refused")}
	if err := merged.Authorize(t.Context()); !kube.Unreachable(err) {
		t.Errorf("the error is %v", err)
	}
	if got := string(<-merged.Frames); !strings.HasPrefix(got, "event: a.end\n") || !strings.Contains(got, "no longer") {
		t.Errorf("the end is %q", got)
	}
	go func() { b.frames <- stream.Event{Data: []byte("1")}.Frame() }()
	wantFrame(t, merged, "event: b.message\ndata: 1\n\n")
}

func TestTopicsHaveTheirOwnParameters(t *testing.T) {
	t.Parallel()
	a, b := newFakeTopic("a"), newFakeTopic("b")
	openFakes(t, "%zz", a, b)
	if got := a.request.URL.RawQuery + " " + b.request.URL.RawQuery; got != "search=x " {
		t.Errorf("the queries are %q", got)
	}
	if got := a.request.Header.Values(lastEventID); len(got) > 0 {
		t.Errorf("the topic resumes after %q", got)
	}
	_, err := openMerged(t.Context(), newWatchRequest(t, "b.namespace=A%2Fb", ""), nil, []Topic{a.Topic, b.Topic})
	var response *problem.Error
	if !errors.As(err, &response) || response.Status != http.StatusNotFound {
		t.Errorf("an invalid namespace: %v", err)
	}
}

func TestMergedRouteRejectsUnknownTopicsAndParameters(t *testing.T) {
	t.Parallel()
	a := newFakeTopic("a").Topic
	a.Parameters = []openapi.Parameter{{Name: "search"}}
	route := (*Streams)(nil).MergedRoute("/watch", "Event", a, newFakeTopic("b").Topic)
	for query, want := range map[string]string{
		"topic=a": "a", "topic=b&topic=a&a.search=x&b.namespace=y": "a b",
		"": "", "topic=": "", "topic=c": "", "topic=a&topic=a": "", "topic=a&topic=c": "", "topic=a&b.namespace=x": "",
		"topic=a&search=x": "", "topic=a&b.search=x": "", "topic=a&a.search=": "", "topic=a&a.search=x&a.search=y": "",
	} {
		r := newWatchRequest(t, query, "")
		err := checkQuery(r, route.Query)
		var topics []Topic
		if err == nil {
			topics, err = selectTopics(r, []Topic{a, newFakeTopic("b").Topic})
		}
		checkClientError(t, err)
		var names []string
		for _, topic := range topics {
			names = append(names, topic.Name)
		}
		if got := strings.Join(names, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: the topics are %q, %v", query, got, err)
		}
	}
	if got := slices.Collect(func(yield func(string) bool) {
		for _, parameter := range route.Query {
			if !yield(parameter.Name) {
				return
			}
		}
	}); !slices.Equal(got, []string{"topic", "a.namespace", "a.search", "b.namespace"}) {
		t.Errorf("the parameters are %v", got)
	}
}
