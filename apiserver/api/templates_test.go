package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/internal/templates"
)

func TestCatalogueIsForAllUsersAndItsPresetsRender(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	got := s.do("bob", http.MethodGet, "/api/v1/catalogue", "").Want(http.StatusOK)
	response := got.JSON()
	if kinds := response["endpointKinds"].([]any); !slices.Contains(kinds, any("HTTPRoute")) {
		t.Errorf("endpoint kinds are %v", kinds)
	}
	for _, preset := range response["presets"].([]any) {
		preset := preset.(map[string]any)
		body := `{"metadata": {"name": "` + preset["name"].(string) + `"}, "spec": ` + marshal(t, preset["spec"]) + `}`
		s.do("ann", http.MethodPost, s.previewPath(), body).Want(http.StatusOK)
	}
	s.do("bob", http.MethodGet, "/api/v1/catalogue", "", "If-None-Match", got.Header.Get("ETag")).Want(http.StatusNotModified)
	there := "/api/v1/catalogue?namespace=" + s.Namespace
	s.do("vic", http.MethodGet, there, "", "If-None-Match", got.Header.Get("ETag")).Want(http.StatusOK)
	if missing := s.do("bob", http.MethodGet, there, "").Want(http.StatusForbidden).Problem().Missing; missing == nil || missing.Namespace != s.Namespace {
		t.Errorf("bob: missing is %v", missing)
	}
	s.do("vic", http.MethodGet, "/api/v1/catalogue?namespace=a%0d%0ab", "").Want(http.StatusBadRequest).Problem()
}

func TestRolloutCountsVisibleNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("ann", "stranger", "counter")) // Others see what other tests make, too.
	s.bind("counter", "nufi-view")
	s.create("a")
	s.create("b")
	serving := s.do("stranger", http.MethodGet, "/api/v1/templates", "").Want(http.StatusOK).JSON()
	if serving["source"] != "CompiledIn" || serving["rejected"] != nil || len(serving["rollout"].([]any)) != 0 {
		t.Errorf("a stranger gets %v", serving)
	}
	kubectl(s, "", "patch", "npudeploy", "a", "--subresource=status", "--type=merge", `-p={"status": {"templates": "`+serving["digest"].(string)+`"}}`)
	want := []any{
		map[string]any{"serving": false, "npudeploys": 1.0},
		map[string]any{"digest": serving["digest"], "serving": true, "npudeploys": 1.0},
	}
	s.Await("the rollout to be counted", func() bool {
		response := s.do("counter", http.MethodGet, "/api/v1/templates", "").Want(http.StatusOK).JSON()
		return cmp.Equal(response["rollout"], any(want))
	})
}

// Reasons name NpuDeploys of all namespaces.
func TestRejectionReasonsRequirePermissionOnAllObjects(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("half", "whole", "bob"), func(o *api.Options) {
		state := o.TemplateState()
		state.Directory = "/etc/nufi/templates"
		state.Rejected = &templates.Rejection{
			Candidate: "sha256:0123456789ab", Time: time.Now(),
			Reason: errors.Join(errors.New("rendering secret/a: spec.model: no"), errors.New("rendering project b: no")),
		}
		o.TemplateState = func() templates.State { return state }
	})
	s.grantList("half", "", "npudeploys")
	s.grantList("whole", "", "npudeploys")
	s.grantList("whole", "", "projects")
	for user, want := range map[string]int{"bob": 0, "half": 0, "whole": 2} {
		response := s.do(user, http.MethodGet, "/api/v1/templates", "").Want(http.StatusOK).JSON()
		rejected := response["rejected"].(map[string]any)
		reasons, _ := rejected["reasons"].([]any)
		if len(reasons) != want || (rejected["candidate"] != nil) != (want > 0) || rejected["since"] == nil || response["source"] != "Directory" {
			t.Errorf("%s gets %v", user, response)
		}
	}
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
