// Package apiserver_test runs the API server while Kubernetes' API server stops and starts
// again, and measures it.
package apiserver_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	deploy  = `{"metadata": {"name": "NAME"}, "spec": {"model": "org/model", "accelerator": {"type": "atom"}}}`
	deploys = "/api/v1/namespaces/NAMESPACE/npudeploys"
)

// During an outage of Kubernetes, reads are answered from the cache and writes are
// rejected. After it, a watch continues where it was.
func TestOutageOfKubernetes(t *testing.T) {
	harness.New(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"),
		goleak.IgnoreAnyFunction("github.com/dudaji/nufi/internal/cluster.(*children).watch"),
		goleak.IgnoreAnyFunction("github.com/dudaji/nufi/internal/cluster.(*process).run"))
	t.Run("outage", outage)
}

func outage(t *testing.T) {
	h := harness.New(t)
	h.Install("bundle/rbac/user_roles.yaml")
	h.Bind("nufi-edit", h.Namespace, "ann")
	h.Bind("nufi-view", h.Namespace, "ann")
	s := apitest.StartIsolated(h, func(o *api.Options) { o.Limits.Streams.Revalidate = 200 * time.Millisecond })
	s.AwaitStatus(http.StatusNotFound, "ann", http.MethodGet, deploys+"/none", "")
	s.AwaitStatus(http.StatusCreated, "ann", http.MethodPost, deploys, strings.Replace(deploy, "NAME", "a", 1))
	before := s.Do("ann", http.MethodGet, deploys+"/a", "").Want(http.StatusOK)
	version := strings.Trim(before.Header.Get("ETag"), `"`)
	lists := []string{deploys, "/api/v1/npudeploys"}
	for _, path := range lists {
		if s.Do("ann", http.MethodGet, path+"?resourceVersion="+version, "").Want(http.StatusOK).IsStale() {
			t.Errorf("%s is stale before the outage", path)
		}
	}
	events := s.Watch("ann", "/api/v1/namespaces/NAMESPACE/watch/npudeploys?resourceVersion="+version)
	reads := append(lists, deploys+"/a")

	h.Must(h.Cluster().StopAPIServer())
	readsAreStale(s, reads)
	writesAreRejected(s)
	if got := s.Do("ann", http.MethodGet, deploys+"/a", "").Header.Get("ETag"); got != before.Header.Get("ETag") {
		t.Errorf("the ETag %s became %s", before.Header.Get("ETag"), got)
	}

	h.Must(h.Cluster().StartAPIServer(t.Context()))
	for _, path := range reads {
		s.AwaitResponse(path+" to be fresh", func(r apitest.Response) bool { return r.Status == http.StatusOK && !r.IsStale() }, "ann", http.MethodGet, path, "")
	}
	if got := s.Do("ann", http.MethodGet, deploys+"/a", "").Want(http.StatusOK); got.Header.Get("ETag") != before.Header.Get("ETag") {
		t.Errorf("a rejected write was made: %s", got.Body)
	}
	s.Do("ann", http.MethodGet, deploys+"/b", "").Want(http.StatusNotFound)
	restarted := s.Do("ann", http.MethodPost, deploys+"/a/restart", "").Want(http.StatusOK)
	if generation := restarted.JSON()["metadata"].(map[string]any)["generation"]; generation != float64(2) {
		t.Errorf("after one restart the generation is %v, want 2", generation)
	}
	version, _, _ = strings.Cut(strings.Trim(restarted.Header.Get("ETag"), `"`), "-")
	if got, want := <-events, "MODIFIED "+version; got != want {
		t.Errorf("the watch's next event is %q, want %q", got, want)
	}
}

// readsAreStale checks what ann reads, and that bob, whose rights are not cached, reads nothing.
func readsAreStale(s *apitest.Server, paths []string) {
	s.Helper()
	for _, path := range paths {
		got := s.AwaitResponse(path+" to be stale", apitest.Response.IsStale, "ann", http.MethodGet, path, "").Want(http.StatusOK)
		_, err := strconv.Atoi(got.Header.Get("Age"))
		if err != nil || got.Header.Get("Warning") != `110 - "Response is Stale"` || !strings.Contains(string(got.Body), `"name":"a"`) {
			s.Errorf("%s: Age %q, Warning %q: %s", path, got.Header.Get("Age"), got.Header.Get("Warning"), got.Body)
		}
		wantUnavailable(s, s.Do("bob", http.MethodGet, path, ""))
	}
}

func writesAreRejected(s *apitest.Server) {
	s.Helper()
	for _, write := range [][3]string{
		{http.MethodPost, deploys, strings.Replace(deploy, "NAME", "b", 1)},
		{http.MethodPatch, deploys + "/a", `{"spec": {"model": "org/other"}}`},
		{http.MethodPost, deploys + "/a/restart", ""},
		{http.MethodDelete, deploys + "/a", ""},
	} {
		wantUnavailable(s, s.Do("ann", write[0], write[1], write[2]))
	}
}

func wantUnavailable(s *apitest.Server, got apitest.Response) {
	s.Helper()
	if got.Want(http.StatusServiceUnavailable).Header.Get("Retry-After") == "" {
		s.Errorf("an answer has no Retry-After: %s", got.Body)
	}
}
