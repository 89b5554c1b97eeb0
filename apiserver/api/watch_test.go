package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness/apitest"
)

const (
	mergeJSON = "application/merge-patch+json"
	watchAll  = "/api/v1/watch/npudeploys"
)

// change is an event of a watch.
type change struct{ id, name, data string }

// eventStream is an open stream.
type eventStream struct {
	t      *testing.T
	status int
	header http.Header
	lines  *bufio.Reader
	cut    func()
}

// watch opens a stream. A path without a leading slash is relative to the namespace's watch.
func (s *fixture) watch(user, path string, headers ...string) *eventStream {
	s.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/api/v1/namespaces/" + s.Namespace + "/watch/npudeploys" + path
	}
	ctx, cut := context.WithTimeout(s.Context(), time.Minute)
	s.Cleanup(cut)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+user)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = response.Body.Close() })
	return &eventStream{s.t, response.StatusCode, response.Header, bufio.NewReader(response.Body), cut}
}

// next returns the next event, and false at the end.
func (w *eventStream) next() (change, bool) {
	w.t.Helper()
	var event change
	for {
		line, err := w.lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return event, false
		}
		if err != nil {
			w.t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			event.id = value
		case "event":
			event.name = value
		case "data":
			event.data += value
		case "":
			if event.name != "" {
				return event, true
			}
		}
	}
}

// want reads events, and compares each as "TYPE object".
func (w *eventStream) want(want ...string) []change {
	w.t.Helper()
	var events []change
	for _, one := range want {
		event, ok := w.next()
		if !ok || event.String() != one {
			w.t.Fatalf("after %v: %q with the data %s, want %q", events, event, event.data, one)
		}
		events = append(events, event)
	}
	return events
}

// String is an event's name and its object's.
func (e change) String() string {
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal([]byte(e.data), &object); err != nil {
		return e.name + " " + err.Error()
	}
	return strings.TrimSpace(e.name + " " + object.Name)
}

// gauge is the value of a metric without labels.
func (s *fixture) gauge(name string) float64 {
	s.Helper()
	families, err := s.Registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	s.Fatal("no metric ", name)
	return 0
}

// patch changes the NpuDeploy a.
func (s *fixture) patch(change string) apitest.Response {
	s.Helper()
	return s.do("ann", http.MethodPatch, "a", change, "Content-Type", mergeJSON).Want(http.StatusOK)
}

func model(name string) string { return fmt.Sprintf(`{"spec": {"model": "org/%s"}}`, name) }

func TestWatchSendsAllObjectsAndThenChanges(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	w := s.watch("vic", "")
	if got := w.header.Get("Content-Type"); w.status != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("status %d, %s", w.status, got)
	}
	begun := w.want("RESET", "ADDED a", "BOOKMARK")
	if begun[0].id != "" || begun[1].id != "" || begun[2].id == "" || !strings.Contains(begun[2].data, `"k8s.io/initial-events-end":"true"`) {
		t.Errorf("the initial events are %v", begun)
	}
	patched := s.patch(model("other"))
	s.create("b")
	s.do("ann", http.MethodDelete, "a", "").Want(http.StatusAccepted)
	// A created object is changed once more, when this API records its fields as applied.
	events := w.want("MODIFIED a", "ADDED b", "MODIFIED b", "DELETED a")
	if version := field(t, patched, "metadata", "resourceVersion"); events[0].id != version {
		t.Errorf("the id is %s, and the version %s", events[0].id, version)
	}
	var object unstructured.Unstructured
	s.Must(json.Unmarshal([]byte(events[0].data), &object))
	if model, _, _ := unstructured.NestedString(object.Object, "spec", "model"); model != "org/other" || object.GetManagedFields() != nil {
		t.Errorf("the object is %s", events[0].data)
	}
}

// One client reads all events, the other reconnects after every second one.
func TestResumedWatchNeitherMissesNorRepeatsEvents(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	list := s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	version, _ := field(t, list, "metadata", "resourceVersion").(string)
	const changes = 30
	patched := make(chan struct{})
	go func() {
		defer close(patched)
		for i := range changes {
			s.patch(model(strconv.Itoa(i)))
		}
	}()
	steady := s.watch("vic", "?resourceVersion="+version)
	var all, pieces []change
	for range changes {
		event, _ := steady.next()
		all = append(all, event)
	}
	last := ""
	for len(pieces) < changes {
		w := s.watch("vic", "?resourceVersion="+version, "Last-Event-ID", last)
		for range 2 {
			event, _ := w.next()
			pieces = append(pieces, event)
		}
		last = pieces[len(pieces)-1].id
		w.cut()
	}
	<-patched // The last event may arrive before the response to its request.
	if !slices.Equal(all, pieces) || slices.ContainsFunc(all, func(e change) bool { return e.name != "MODIFIED" }) {
		t.Errorf("one client got %v\nthe other %v", all, pieces)
	}
}

func TestWatchFromAnUnknownVersionIsReset(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	for _, id := range []string{"1", "99999999999999", "x", "-1"} {
		s.watch("vic", "", "Last-Event-ID", id).want("RESET", "ADDED a", "BOOKMARK")
	}
	s.watch("vic", "?resourceVersion=1").want("RESET", "ADDED a", "BOOKMARK")
	if got := s.watch("vic", "?resourceVersion=x").status; got != http.StatusBadRequest {
		t.Errorf("an invalid version: %d", got)
	}
}

func TestWatchDeletesObjectsThatStopMatching(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	w := s.watch("vic", "?labelSelector=stage%3Dtest")
	w.want("RESET", "BOOKMARK")
	label := func(value string) { s.patch(`{"metadata": {"labels": {"stage": ` + value + `}}}`) }
	label(`"test"`)
	s.patch(model("other"))
	label("null")
	s.patch(model("unseen"))
	label(`"test"`)
	s.do("ann", http.MethodDelete, "a", "").Want(http.StatusAccepted)
	events := w.want("ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a")
	for i := 1; i < len(events); i++ {
		if events[i].id <= events[i-1].id {
			t.Errorf("the id %s comes after %s", events[i].id, events[i-1].id)
		}
	}
}

// unbind deletes a binding of newFixture or bind.
func (s *fixture) unbind(user, role string) {
	s.Helper()
	bindings := &rbacv1.RoleBindingList{}
	s.Must(s.Client.List(s.Context(), bindings, client.InNamespace(s.Namespace)))
	for i := range bindings.Items {
		if b := &bindings.Items[i]; b.RoleRef.Name == role && b.Subjects[0].Name == user {
			s.Delete(b)
		}
	}
}

func withFrequentRevalidation(o *api.Options) { o.Limits.Streams.Revalidate = 100 * time.Millisecond }

func TestRevokedPermissionEndsAWatchOfItsNamespace(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withFrequentRevalidation)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	w := s.watch("vic", "")
	w.want("RESET", "ADDED a", "BOOKMARK")
	s.unbind("vic", "nufi-view")
	for {
		event, ok := w.next()
		if !ok {
			t.Fatal("the stream ends without an event")
		}
		if event.name != "BOOKMARK" {
			if event.name != "end" || !strings.Contains(event.data, `"status":403`) {
				t.Errorf("the last event is %v: %s", event, event.data)
			}
			break
		}
	}
	if event, ok := w.next(); ok {
		t.Errorf("after the end: %v", event)
	}
	if got := s.watch("vic", "").status; got != http.StatusForbidden {
		t.Errorf("without permission: %d", got)
	}
}

func TestWatchOfAllNamespacesFollowsChangesOfPermissions(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withFrequentRevalidation)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	only := watchAll + "?fieldSelector=metadata.namespace%3D" + s.Namespace
	w := s.watch("bob", only)
	w.want("RESET", "BOOKMARK")
	s.bind("bob", "nufi-view")
	w.want("ADDED a")
	s.patch(model("other"))
	if event := w.want("MODIFIED a")[0]; event.id != "" {
		t.Errorf("bob may not watch everywhere, and has an id to resume after: %s", event.id)
	}
	s.unbind("bob", "nufi-view")
	gone := w.want("DELETED a")[0]
	if strings.Contains(gone.data, "spec") || !strings.Contains(gone.data, `"uid"`) {
		t.Errorf("the deletion discloses %s", gone.data)
	}
	s.watch("bob", only, "Last-Event-ID", "1").want("RESET", "BOOKMARK")
}

func TestRevokedCredentialsEndAStream(t *testing.T) {
	t.Parallel()
	believed := make(chan apitest.ByName, 1)
	believed <- named([]string{"ann", "vic"}...)
	s := newFixture(t, withFrequentRevalidation, func(o *api.Options) { o.Authenticator = changingAuthenticator(believed) })
	w := s.watch("vic", "")
	w.want("RESET", "BOOKMARK")
	<-believed
	believed <- named("")
	if event, ok := w.next(); !ok || event.name != "end" || !strings.Contains(event.data, `"status":401`) {
		t.Errorf("the next event is %v: %s", event, event.data)
	}
}

// changingAuthenticator authenticates with the one in the channel.
type changingAuthenticator chan apitest.ByName

func (c changingAuthenticator) Authenticate(r *http.Request) (auth.User, error) {
	now := <-c
	defer func() { c <- now }()
	return now.Authenticate(r)
}

func TestSlowClientIsDisconnected(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.Streams.Write = 300 * time.Millisecond })
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	slow, reader := s.watch("vic", ""), s.watch("vic", "")
	first := slow.want("RESET", "ADDED a", "BOOKMARK")
	reader.want("RESET", "ADDED a", "BOOKMARK")
	// More than fits between the two of them.
	const changes = 60
	var last string
	for i := range changes {
		s.patch(fmt.Sprintf(`{"metadata": {"annotations": {"note": "%d %s"}}}`, i, strings.Repeat("x", 250<<10)))
		last = reader.want("MODIFIED a")[0].id
	}
	s.Await("the slow client to be disconnected", func() bool { return s.gauge("nufi_apiserver_streams") == 1 })
	resumed := s.watch("vic", "", "Last-Event-ID", first[2].id)
	for range changes {
		if event := resumed.want("MODIFIED a")[0]; event.id == last {
			return
		}
	}
	t.Error("the resumed watch is incomplete")
}

func TestStoppingServerEndsStreams(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	w := s.watch("vic", "")
	w.want("RESET", "BOOKMARK")
	s.API.EndStreams()
	event, _ := w.next()
	if event.name != "end" || !strings.Contains(event.data, `"status":503`) {
		t.Errorf("the last event is %v: %s", event, event.data)
	}
	if event, ok := w.next(); ok {
		t.Errorf("after the end: %v", event)
	}
}

func TestStreamsAreLimitedAndDoNotCountAsRequests(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) {
		o.Limits.InFlight, o.Limits.User.InFlight = 1, 1
		o.Limits.Streams.Total, o.Limits.Streams.PerUser = 3, 2
	})
	open := []*eventStream{s.watch("vic", ""), s.watch("vic", "")}
	rejected := s.watch("vic", "")
	if rejected.status != http.StatusTooManyRequests || rejected.header.Get("Retry-After") == "" {
		t.Errorf("a third of one user's: %d", rejected.status)
	}
	open = append(open, s.watch("ann", ""))
	if got := s.watch("ann", "").status; got != http.StatusTooManyRequests {
		t.Errorf("a fourth of all: %d", got)
	}
	s.do("vic", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK)
	for _, w := range open {
		w.cut()
	}
	s.Await("all streams to be closed", func() bool { return s.gauge("nufi_apiserver_streams") == 0 })
	if got := s.watch("ann", "").status; got != http.StatusOK {
		t.Errorf("after others have closed: %d", got)
	}
}

// A heartbeat is sent after the write deadline of the previous one.
func TestIdleStreamSendsHeartbeats(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, func(o *api.Options) {
				o.Limits.Streams.Heartbeat, o.Limits.Streams.Write = 150*time.Millisecond, 100*time.Millisecond
			})
			server := httptest.NewUnstartedServer(s.API)
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			for _, path := range []string{watchAll, "/api/v1/watch/devices"} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer vic")
				stream, err := server.Client().Do(request)
				if err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewReader(stream.Body)
				for heartbeats := 0; heartbeats < 3; {
					line, err := lines.ReadString('\n')
					if err != nil {
						t.Fatalf("%s: after %d heartbeats: %v", path, heartbeats, err)
					}
					if line == ":\n" {
						heartbeats++
					}
				}
				_ = stream.Body.Close()
			}
		})
	}
}
