package api_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/dudaji/nufi/test/harness/apitest"
)

func TestApplyOfEmptyMaps(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	path := s.mine("-new")
	first := s.do("root", http.MethodPost, "/api/v1/projects", `{"metadata": {"name": "`+s.Namespace+`-new"},
		"spec": {"displayName": "One", "description": "Two", "quota": {"cpu": "2", "memory": "1Gi"}}}`).Want(
		http.StatusCreated)

	put := func(path, body, match string) apitest.Response {
		t.Helper()
		return s.do("root", http.MethodPut, path, body, "If-Match", match).Want(http.StatusOK)
	}
	wantSpec := func(got apitest.Response, want map[string]any) {
		t.Helper()
		if spec := field(t, got, "spec"); !reflect.DeepEqual(spec, want) {
			t.Errorf("the spec is %v, want %v", spec, want)
		}
	}
	empty := map[string]any{}
	wantSpec(put(path+"?dryRun=All", `{"spec": {}}`, "*"), empty)
	second := put(path, `{"spec": {"displayName": "One", "quota": {}}}`, first.Header.Get("ETag"))
	wantSpec(second, map[string]any{"displayName": "One", "quota": empty})
	s.do("root", http.MethodPut, path, `{"spec": {}}`, "If-Match", first.Header.Get("ETag")).Want(http.StatusPreconditionFailed)
	third := put(path, `{"spec": {}}`, second.Header.Get("ETag"))
	wantSpec(third, empty)
	wantSpec(s.do("root", http.MethodGet, path, "").Want(http.StatusOK), empty)

	// Later applies own and remove as ever.
	wantSpec(put(path, `{"spec": {"description": "Three", "quota": {"cpu": "1"}}}`, third.Header.Get("ETag")),
		map[string]any{"description": "Three", "quota": map[string]any{"cpu": "1"}})
	applied := s.do("root", http.MethodPatch, path, "spec: {quota: {}}", "Content-Type", "application/apply-patch+yaml").Want(http.StatusOK)
	wantSpec(applied, map[string]any{"quota": empty})
	wantSpec(put(path, `{"spec": {}}`, "*"), empty)
}

func TestApplyOfEmptyMapsKeepsFieldsOfOtherManagers(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodPost, "", `{"metadata": {"name": "a"}, "spec": {"model": "org/model", "accelerator": {"type": "atom"},
		"endpoint": {"host": "a.example.com", "path": "/a"}, "modelCache": {"mountPath": "/cache"}}}`).Want(
		http.StatusCreated)

	kubectl(s, `{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": {"name": "a"},
		"spec": {"endpoint": {"kind": "Ingress"}}}`, "apply", "--server-side", "-f", "-")
	got := s.do("ann", http.MethodPut, "a", `{"spec": {"model": "org/other", "accelerator": {"type": "atom"}, "endpoint": {}, "modelCache": {}}}`,
		"If-Match", "*").Want(
		http.StatusOK)

	if endpoint := field(t, got, "spec", "endpoint"); !reflect.DeepEqual(endpoint, map[string]any{"kind": "Ingress"}) {
		t.Errorf("the endpoint is %v", endpoint)
	}
	if cache := field(t, got, "spec", "modelCache"); !reflect.DeepEqual(cache, map[string]any{}) || field(t, got, "spec", "model") != "org/other" {
		t.Errorf("applied to %s", got.Body)
	}
}

func TestApplyDoesNotConflictWithOtherOperationsOfTheAPI(t *testing.T) {
	t.Parallel()
	const body = `{"metadata": {"name": "a"}, "spec": {"model": "org/model", "accelerator": {"type": "atom", "count": 1}}}`
	s := newFixture(t)
	s.do("ann", http.MethodPost, "", body).Want(http.StatusCreated)
	patch := func() {
		s.do("ann", http.MethodPatch, "a", `{"spec": {"accelerator": {"count": 2}}}`, "Content-Type", "application/merge-patch+json").Want(http.StatusOK)
	}
	wantCount := func(response apitest.Response) {
		t.Helper()
		if got := field(t, response, "spec", "accelerator", "count"); got != float64(1) {
			t.Errorf("applied to %s", response.Body)
		}
	}
	patch()
	wantCount(s.do("ann", http.MethodPut, "a?dryRun=All", body, "If-Match", "*").Want(http.StatusOK))
	s.do("ann", http.MethodPost, s.previewPath(), body).Want(http.StatusOK)
	wantCount(s.do("ann", http.MethodPatch, "a", body, "Content-Type", "application/apply-patch+yaml").Want(http.StatusOK))

	patch()
	kubectl(s, `{"apiVersion": "dudaji.com/v1", "kind": "NpuDeploy", "metadata": {"name": "a"}, "spec": {"model": "org/other"}}`,
		"apply", "--server-side", "--force-conflicts", "-f", "-")
	s.do("ann", http.MethodPatch, "a", body, "Content-Type", "application/apply-patch+yaml").Want(http.StatusConflict)
}
