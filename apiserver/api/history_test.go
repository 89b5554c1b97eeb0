package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/rollout"
	"github.com/dudaji/nufi/internal/templates"
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

func TestManualUpdateIsRequested(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("a")
	s.do("ann", http.MethodPost, "a/update", "").Want(http.StatusConflict) // Its updates are automatic.
	s.do("ann", http.MethodPatch, "a", `{"spec": {"updates": "Manual"}}`, "Content-Type", "application/merge-patch+json").Want(http.StatusOK)
	s.do("ann", http.MethodPost, "a/update", "").Want(http.StatusConflict) // No update is available.
	const digest = "sha256:0000000000ff"                                   // No other test has it.
	kubectl(s, "", "patch", "npudeploy", "a", "--subresource=status", "--type=merge", "-p",
		`{"status": {"replicas": 0, "readyReplicas": 0, "update": {"templates": "`+digest+`", "effect": "Restart"}}}`)
	requested := func(query string) any {
		got := s.do("ann", http.MethodPost, "a/update"+query, "").Want(http.StatusOK)
		return field(t, got, "metadata", "annotations", v1.AnnotationUpdateTo)
	}
	if got := requested("?dryRun=All"); got != digest {
		t.Errorf("the dry run requests %v", got)
	}
	s.do("vic", http.MethodPost, "a/update", "").Want(http.StatusForbidden)
	s.do("ann", http.MethodPost, "a/update?templates=newest", "").Want(http.StatusBadRequest)
	if got := requested("?templates=sha256:000000000001"); got != "sha256:000000000001" {
		t.Errorf("the request is %v", got)
	}
	if got := requested(""); got != digest {
		t.Errorf("the request is %v", got)
	}

	// A set whose rollout is halted must be named.
	halted := rollout.New(digest, 3, "")
	s.Create(halted)
	s.Cleanup(func() { s.Must(client.IgnoreNotFound(s.Client.Delete(context.WithoutCancel(t.Context()), halted))) })
	kubectl(s, "", "patch", "templaterollout", halted.Name, "--subresource=status", "--type=merge", "-p", `{"status": {"wave": 0, "conditions": [
		{"type": "Halted", "status": "True", "reason": "DeploysFailed", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}}`)
	s.do("ann", http.MethodPost, "a/update", "").Want(http.StatusConflict)
	if got := requested("?templates=" + digest); got != digest {
		t.Errorf("the request is %v", got)
	}
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

	url := "/api/v1/templaterollouts/" + name
	if got := s.do("vic", http.MethodGet, url, "").Want(http.StatusOK); field(t, got, "kind") != "TemplateRollout" || field(t, got, "spec", "templates") != "sha256:5c3a0de1b7f2" {
		t.Errorf("the rollout is %s", got.Body)
	}
	if list := s.do("vic", http.MethodGet, "/api/v1/templaterollouts", "").Want(http.StatusOK); !strings.Contains(string(list.Body), name) {
		t.Errorf("the list is %s", list.Body)
	}
	s.do("vic", http.MethodPost, url+"/pause", "").Want(http.StatusForbidden)
	if got := s.do("ann", http.MethodPost, url+"/pause", "").Want(http.StatusOK); field(t, got, "spec", "paused") != true {
		t.Errorf("the paused rollout is %s", got.Body)
	}
	if got := s.do("ann", http.MethodPost, url+"/resume", "").Want(http.StatusOK); field(t, got, "spec", "paused") == true {
		t.Errorf("the resumed rollout is %s", got.Body)
	}
	s.do("ann", http.MethodPost, url+"/retry", "").Want(http.StatusConflict) // It has not failed.
	if got := s.do("ann", http.MethodPost, url+"/abort", "").Want(http.StatusOK); field(t, got, "spec", "aborted") != true {
		t.Errorf("the aborted rollout is %s", got.Body)
	}
	var audited []string
	for line := range strings.SplitSeq(strings.TrimSpace(s.Log.String()), "\n") {
		var record struct{ User, Change, Outcome, Path string }
		s.Must(json.Unmarshal([]byte(line), &record))
		audited = append(audited, strings.Join([]string{record.User, record.Change, record.Outcome, path.Base(path.Dir(record.Path))}, " "))
	}
	want := []string{
		"vic pause refused " + name, "ann pause done " + name, "ann resume done " + name, "ann retry refused " + name, "ann abort done " + name,
	}
	if delta := cmp.Diff(want, audited); delta != "" {
		t.Errorf("the audit log (-want +got):\n%s", delta)
	}
}

func TestStoredTemplatesAreCompared(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	current := rollout.New("sha256:00000000000b", 1, s.Namespace)
	current.Name = s.Namespace // No other test has it.
	s.Create(current)
	s.Cleanup(func() { s.Must(client.IgnoreNotFound(s.Client.Delete(context.WithoutCancel(t.Context()), current))) })
	for digits, content := range map[string]string{"00000000000a": "port: 8000\n", "00000000000b": "port: 8080\n"} {
		archive, err := templates.Pack(fstest.MapFS{"policy.cue": {Data: []byte(content)}})
		s.Must(err)
		stored, err := templates.NewStored(s.Namespace, "sha256:"+digits, archive, 1)
		s.Must(err)
		s.Create(stored)
	}

	const compare = "/api/v1/templates/diff"
	got := s.do("vic", http.MethodGet, compare+"?from=sha256:00000000000a&to="+current.Name, "").Want(http.StatusOK)
	if diff := fmt.Sprint(field(t, got, "diff")); field(t, got, "to") != "sha256:00000000000b" || !strings.Contains(diff, "-port: 8000\n+port: 8080\n") {
		t.Errorf("the difference is %s", got.Body)
	}
	if got := s.do("vic", http.MethodGet, compare+"?from=00000000000a&to=00000000000a", "").Want(http.StatusOK); field(t, got, "diff") != "" {
		t.Errorf("the difference of a set from itself is %s", got.Body)
	}
	s.do("vic", http.MethodGet, compare+"?from=sha256:00000000000a&to=sha256:ffff", "").Want(http.StatusNotFound)
	s.do("vic", http.MethodGet, compare+"?from=00000000000a", "").Want(http.StatusBadRequest)
	rejected := s.do("bob", http.MethodGet, compare+"?from=00000000000a&to=00000000000b", "").Want(http.StatusForbidden)
	if missing := rejected.Problem().Missing; missing == nil || missing.Resource != "controllerrevisions" || missing.Namespace != s.Namespace {
		t.Errorf("the missing permission is not named: %s", rejected.Body)
	}
}
