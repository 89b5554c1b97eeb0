package apiserver_test

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dudaji/nufi/apiserver/api"
)

const deploy = `{"metadata": {"name": "NAME"}, "spec": {"model": "org/model", "accelerator": {"type": "atom"}}}`

// Readers go on, writers are told, and a watcher misses nothing.
func TestAnOutageOfKubernetesIsReadThrough(t *testing.T) {
	control.Cluster(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("github.com/dudaji/nufi/cluster.(*children).watch"), goleak.IgnoreAnyFunction("github.com/dudaji/nufi/cluster.(*process).run"))
	t.Run("outage", outage)
}

func outage(t *testing.T) {
	s := serve(t, func(o *api.Options) { o.Limits.Streams.Review = 200 * time.Millisecond })
	namespace := control.Namespace(t)
	kubectl(t, "create", "rolebinding", "ann", "--clusterrole=nufi-edit", "--user=ann", "-n", namespace)
	kubectl(t, "create", "rolebinding", "ann-view", "--clusterrole=nufi-view", "--user=ann", "-n", namespace)
	many := "/api/v1/namespaces/" + namespace + "/npudeploys"
	await(t, "ann's rights", func() bool { return s.ask("ann", http.MethodGet, many+"/none", "").status == http.StatusNotFound })
	s.want(http.StatusCreated, http.MethodPost, many, strings.Replace(deploy, "NAME", "a", 1))
	before := s.want(http.StatusOK, http.MethodGet, many+"/a", "")
	version := strings.Trim(before.header.Get("ETag"), `"`)
	lists := []string{many, "/api/v1/npudeploys"}
	for _, path := range lists {
		if got := s.want(http.StatusOK, http.MethodGet, path+"?resourceVersion="+version, ""); got.stale() {
			t.Errorf("%s is stale before the outage", path)
		}
	}
	events := s.watch("ann", "/api/v1/namespaces/"+namespace+"/watch/npudeploys?resourceVersion="+version)

	must(t, control.Cluster(t).StopAPIServer())
	for _, path := range append(lists, many+"/a") {
		await(t, path+" to be stale", func() bool {
			got := s.want(http.StatusOK, http.MethodGet, path, "")
			return got.stale()
		})
		got := s.want(http.StatusOK, http.MethodGet, path, "")
		if _, err := strconv.Atoi(got.header.Get("Age")); err != nil || got.header.Get("Warning") != `110 - "Response is Stale"` || !strings.Contains(string(got.body), `"name":"a"`) {
			t.Errorf("%s: Age %q, Warning %q: %s", path, got.header.Get("Age"), got.header.Get("Warning"), got.body)
		}
		if got := s.ask("bob", http.MethodGet, path, ""); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s for one of whom nothing is known: %d %s", path, got.status, got.body)
		}
	}
	if got := s.ask("ann", http.MethodGet, many+"/a", ""); got.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("the ETag %s became %s", before.header.Get("ETag"), got.header.Get("ETag"))
	}
	for _, write := range [][3]string{
		{http.MethodPost, many, strings.Replace(deploy, "NAME", "b", 1)},
		{http.MethodPatch, many + "/a", `{"spec": {"model": "org/other"}}`},
		{http.MethodPost, many + "/a/restart", ""},
		{http.MethodDelete, many + "/a", ""},
	} {
		if got := s.ask("ann", write[0], write[1], write[2]); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", write[0], write[1], got.status, got.body)
		}
	}

	must(t, control.Cluster(t).StartAPIServer(t.Context()))
	for _, path := range append(lists, many+"/a") {
		await(t, path+" to be fresh", func() bool {
			got := s.ask("ann", http.MethodGet, path, "")
			return got.status == http.StatusOK && !got.stale()
		})
	}
	if got := s.want(http.StatusOK, http.MethodGet, many+"/a", ""); got.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("what was refused has been done: %s", got.body)
	}
	s.want(http.StatusNotFound, http.MethodGet, many+"/b", "")
	restarted := s.want(http.StatusOK, http.MethodPost, many+"/a/restart", "")
	if generation := restarted.metadata(t)["generation"]; generation != float64(2) {
		t.Errorf("one restart has made generation %v", generation)
	}
	if got, want := <-events, "MODIFIED "+strings.Trim(restarted.header.Get("ETag"), `"`); got != want {
		t.Errorf("the watcher is told %q next, want %q", got, want)
	}
}

// watch tells of a stream's events but bookmarks, as "NAME id".
func (s *served) watch(person, path string) <-chan string {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	response, err := s.client.Do(s.request(ctx, person, http.MethodGet, path, "")) //nolint:bodyclose // by the goroutine
	must(s, err)
	if response.StatusCode != http.StatusOK {
		s.Fatalf("%s: status %d", path, response.StatusCode)
	}
	events, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = response.Body.Close() }()
		id, name := "", ""
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
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
		close(events)
	}()
	s.Cleanup(func() {
		stop()
		<-ended
	})
	return events
}
