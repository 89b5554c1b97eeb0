package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/api"
)

// nextOf returns the next event of a topic, as "TYPE object", and its id.
func (w *eventStream) nextOf(topic string) (event, id string) {
	w.t.Helper()
	for {
		next, more := w.next()
		if !more {
			w.t.Fatalf("the stream ended before an event of %s", topic)
		}
		if strings.HasPrefix(next.name, topic+".") {
			return next.String(), next.id
		}
	}
}

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
	if !strings.HasPrefix(last, "npudeploys=") {
		t.Errorf("the last id is %q", last)
	}
	s.do("ann", http.MethodDelete, "a", "").Want(http.StatusAccepted)
	resumed := s.watch("vic", path, "Last-Event-ID", last)
	if event, id := resumed.nextOf("npudeploys"); event != "npudeploys.DELETED a" || id == "" {
		t.Errorf("the first event after the last id is %q with the id %q", event, id)
	}
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
