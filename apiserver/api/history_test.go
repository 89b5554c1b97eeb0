package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestEarlierSpecsAreListedAndRestored(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	created := s.create("a")
	only := s.do("vic", http.MethodGet, "a/revisions", "").Want(http.StatusOK)
	if items, _ := field(t, only, "items").([]any); len(items) != 1 {
		t.Errorf("the revisions before the first change are %s", only.Body)
	}
	s.do("ann", http.MethodPost, "a/undo", "").Want(http.StatusConflict) // There is no earlier one.

	kubectl(s, fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {
		"name": "a-1", "labels": {"dudaji.com/npudeploy": "a"}, "annotations": {"dudaji.com/changed-by": "kubectl", "dudaji.com/changed-at": "2026-01-02T03:04:05Z"},
		"ownerReferences": [{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "name": "a", "uid": %q, "controller": true}]},
		"revision": 1, "data": {"spec": {"model": "org/earlier", "accelerator": {"type": "atom", "count": 1}}}}`, field(t, created, "metadata", "uid")), "create", "-f", "-")
	s.do("ann", http.MethodPut, "a/scale", `{"replicas": 3}`).Want(http.StatusOK)
	tag := s.do("ann", http.MethodGet, "a", "").Want(http.StatusOK).Header.Get("ETag")

	listed := s.do("vic", http.MethodGet, "a/revisions", "").Want(http.StatusOK)
	items, _ := field(t, listed, "items").([]any)
	if len(items) != 2 {
		t.Fatalf("the revisions are %s", listed.Body)
	}
	first, _ := items[0].(map[string]any)
	if first["changedBy"] != "kubectl" || first["changedAt"] != "2026-01-02T03:04:05Z" || first["current"] != false {
		t.Errorf("the first revision is %v", first)
	}

	s.do("vic", http.MethodPost, "a/undo", "").Want(http.StatusForbidden)
	s.do("ann", http.MethodPost, "a/undo?revision=9", "").Want(http.StatusNotFound)
	s.do("ann", http.MethodPost, "a/undo?revision=x", "").Want(http.StatusBadRequest)
	s.do("ann", http.MethodPost, "a/undo?dryRun=All", `{"revision": 1}`).Want(http.StatusBadRequest)
	s.do("ann", http.MethodPost, "a/undo?dryRun=All", "").Want(http.StatusOK)
	restored := s.do("ann", http.MethodPost, "a/undo", "", "If-Match", tag).Want(http.StatusOK)
	if field(t, restored, "spec", "model") != "org/earlier" || fmt.Sprint(field(t, restored, "spec", "inferenceServer", "replicas")) != "3" {
		t.Errorf("the restored NpuDeploy is %s", restored.Body)
	}
	s.do("ann", http.MethodPost, "a/undo?revision=1", "", "If-Match", tag).Want(http.StatusPreconditionFailed)
	s.do("bob", http.MethodGet, "a/revisions", "").Want(http.StatusForbidden)
}

func TestRolloutIsReadAndChanged(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.Bind("nufi-rollout-admin", "", "ann")
	s.AwaitAllowed(harness.User{Name: "ann"}, "patch dudaji.com/templaterollouts", "")
	name := s.Namespace // No other test has it.
	current := &v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: "sha256:5c3a0de1b7f2", Revision: 7}}
	current.Name = name
	s.Create(current)
	s.Cleanup(func() { s.Must(client.IgnoreNotFound(s.Client.Delete(context.WithoutCancel(t.Context()), current))) })

	path := "/api/v1/templaterollouts/" + name
	if got := s.do("vic", http.MethodGet, path, "").Want(http.StatusOK); field(t, got, "kind") != "TemplateRollout" || field(t, got, "spec", "templates") != "sha256:5c3a0de1b7f2" {
		t.Errorf("the rollout is %s", got.Body)
	}
	if list := s.do("vic", http.MethodGet, "/api/v1/templaterollouts", "").Want(http.StatusOK); !strings.Contains(string(list.Body), name) {
		t.Errorf("the list is %s", list.Body)
	}
	s.do("vic", http.MethodPost, path+"/pause", "").Want(http.StatusForbidden)
	if got := s.do("ann", http.MethodPost, path+"/pause", "").Want(http.StatusOK); field(t, got, "spec", "paused") != true {
		t.Errorf("the paused rollout is %s", got.Body)
	}
	if got := s.do("ann", http.MethodPost, path+"/resume", "").Want(http.StatusOK); field(t, got, "spec", "paused") == true {
		t.Errorf("the resumed rollout is %s", got.Body)
	}
	s.do("ann", http.MethodPost, path+"/retry", "").Want(http.StatusConflict) // It has not failed.
	if got := s.do("ann", http.MethodPost, path+"/abort", "").Want(http.StatusOK); field(t, got, "spec", "aborted") != true {
		t.Errorf("the aborted rollout is %s", got.Body)
	}
}
