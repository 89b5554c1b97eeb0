package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/api"
)

func TestMergedWatchResumesEachTopic(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	path := "/api/v1/watch?topic=npudeploys&topic=projects&topic=devices&npudeploys.namespace=" + s.Namespace
	w := s.watch("vic", path)
	var names []string
	last := ""
	for !slices.Contains(names, "npudeploys.BOOKMARK") || !slices.Contains(names, "projects.BOOKMARK") || !slices.Contains(names, "devices.message") {
		event, more := w.next()
		if !more {
			t.Fatalf("the stream ended after %v", names)
		}
		names = append(names, event.name)
		if event.id != "" {
			last = event.id
		}
	}
	w.cut()
	s.do("ann", http.MethodDelete, "a", "").Want(http.StatusAccepted)
	resumed := s.watch("vic", path, "Last-Event-ID", last)
	for isDeleted := false; !isDeleted; {
		event, more := resumed.next()
		isDeleted = event.String() == "npudeploys.DELETED a"
		id := idOf(event.id, "devices")
		if !more || event.id == "" || !isDeleted && (event.name != "devices.message" || id == "" || id == idOf(last, "devices")) {
			t.Fatalf("the event after %s is %q with the id %q", last, event, event.id)
		}
	}
}

// idOf returns the id of a topic.
func idOf(text, topic string) string {
	ids, _ := url.ParseQuery(text)
	return ids.Get(topic)
}

func TestMergedWatchReviewsEachTopic(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	path := "/api/v1/watch?topic=devices&topic=npudeploys&npudeploys.namespace=" + s.Namespace
	if missing := s.do("bob", http.MethodGet, path, "").Want(http.StatusForbidden).Problem().Missing; missing == nil || missing.Verb != "watch" {
		t.Errorf("the missing permission is %v", missing)
	}
	s.do("bob", http.MethodGet, path+"%2F", "").Want(http.StatusNotFound).Problem()
}

func TestWatchOfProjects(t *testing.T) {
	t.Parallel()
	s := newProjects(t, func(o *api.Options) { o.Limits.Streams.Revalidate = 100 * time.Millisecond })
	s.awaitProject("ada")
	w, stranger := s.watch("ada", "/api/v1/watch/projects"), s.watch("mallory", "/api/v1/watch/projects")
	w.want("RESET", "ADDED "+s.Namespace, "BOOKMARK")
	stranger.want("RESET", "BOOKMARK")
	s.do("root", http.MethodPatch, s.mine(""), `{"spec": {"displayName": "Other"}}`, "Content-Type", mergeJSON).Want(http.StatusOK)
	changed := w.want("MODIFIED " + s.Namespace)
	if !strings.Contains(changed[0].data, `"displayName":"Other"`) || !strings.Contains(changed[0].data, `"kind":"Project"`) {
		t.Errorf("the change is %s", changed[0].data)
	}
	s.do("root", http.MethodDelete, s.mine(""), "").Want(http.StatusAccepted)
	w.want("DELETED " + s.Namespace)
}

func TestWatchOfProjectsResumes(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("ada")
	watch := func(id string) *eventStream { return s.watch("ada", "/api/v1/watch/projects", "Last-Event-ID", id) }
	rename := func(name string) {
		t.Helper()
		s.do("root", http.MethodPatch, s.mine(""), `{"spec": {"displayName": "`+name+`"}}`, "Content-Type", mergeJSON).Want(http.StatusOK)
	}
	last := watch("").want("RESET", "ADDED "+s.Namespace, "BOOKMARK")[2].id
	open := watch(last) // nothing was missed
	rename("Second")
	second := open.want("MODIFIED " + s.Namespace)[0]
	missed := watch(last)
	if event := missed.want("MODIFIED " + s.Namespace)[0]; event.id != second.id || !strings.Contains(event.data, "Second") {
		t.Errorf("the event that was missed is %s rather than %s: %s", event.id, second.id, event.data)
	}
	version, digest, _ := strings.Cut(second.id, "-")
	for _, id := range []string{"x", "x-" + digest, version + "9-" + digest, version + "-" + digest + "0"} {
		watch(id).want("RESET", "ADDED "+s.Namespace, "BOOKMARK")
	}
	s.do("root", http.MethodDelete, s.mine(""), "").Want(http.StatusAccepted)
	open.want("DELETED " + s.Namespace)
	watch(second.id).want("RESET", "BOOKMARK")
}

func TestWatchOfProjectsFollowsTheUsersRights(t *testing.T) {
	t.Parallel()
	s := newProjects(t, func(o *api.Options) { o.Limits.Streams.Revalidate = 100 * time.Millisecond })
	s.awaitProject("ada")
	w := s.watch("mallory", "/api/v1/watch/projects")
	w.want("RESET", "BOOKMARK")
	s.Bind("nufi-project-viewer", s.Namespace, "mallory@"+s.Namespace)
	w.want("ADDED " + s.Namespace)
	s.Kubectl("delete", "rolebindings", "--all", "-n", s.Namespace)
	w.want("DELETED " + s.Namespace)
}

func TestWatchFollowsTheStateOfItsSelection(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("vic", http.MethodGet, "?"+since(s.create("a")), "").Want(http.StatusOK)
	w := s.watch("vic", "?state=Ready,Degraded")
	w.want("RESET", "BOOKMARK")
	setReady := func(status, reason string) {
		condition := fmt.Sprintf(`{"type": "Ready", "status": %q, "reason": %q, "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z"}`, status, reason)
		kubectl(s, `{"status": {"conditions": [`+condition+`]}}`, "patch", "npudeploy", "a", "--subresource=status", "--type=merge", "--patch-file", "-")
	}
	setReady("True", "Ready")
	w.want("ADDED a")
	setReady("False", "ImagePull")
	w.want("DELETED a")
}
