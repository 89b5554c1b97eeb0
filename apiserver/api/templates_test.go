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
	got := s.ask("bob", http.MethodGet, "/api/v1/catalogue", "").wantStatus(t, http.StatusOK)
	answer := got.json(t)
	if kinds := answer["endpointKinds"].([]any); !slices.Contains(kinds, any("HTTPRoute")) {
		t.Errorf("endpoint kinds are %v", kinds)
	}
	for _, preset := range answer["presets"].([]any) {
		preset := preset.(map[string]any)
		body := `{"metadata": {"name": "` + preset["name"].(string) + `"}, "spec": ` + marshal(t, preset["spec"]) + `}`
		s.ask("ann", http.MethodPost, s.previewPath(), body).wantStatus(t, http.StatusOK)
	}
	s.ask("bob", http.MethodGet, "/api/v1/catalogue", "", "If-None-Match", got.header.Get("ETag")).wantStatus(t, http.StatusNotModified)
	there := "/api/v1/catalogue?namespace=" + s.namespace
	s.ask("vic", http.MethodGet, there, "", "If-None-Match", got.header.Get("ETag")).wantStatus(t, http.StatusOK)
	if missing := s.ask("bob", http.MethodGet, there, "").wantStatus(t, http.StatusForbidden).problem(t).Missing; missing == nil || missing.Namespace != s.namespace {
		t.Errorf("bob: missing is %v", missing)
	}
	s.ask("vic", http.MethodGet, "/api/v1/catalogue?namespace=a%0d%0ab", "").wantStatus(t, http.StatusBadRequest).problem(t)
}

func TestRolloutCountsVisibleNpuDeploys(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("ann", "stranger", "counter")) // Others see what other tests make, too.
	s.bind("counter", "nufi-view")
	s.create("a")
	s.create("b")
	serving := s.ask("stranger", http.MethodGet, "/api/v1/templates", "").wantStatus(t, http.StatusOK).json(t)
	if serving["source"] != "CompiledIn" || serving["rejected"] != nil || len(serving["rollout"].([]any)) != 0 {
		t.Errorf("a stranger gets %v", serving)
	}
	kubectl(t, s, "", "patch", "npudeploy", "a", "--subresource=status", "--type=merge", `-p={"status": {"templates": "`+serving["digest"].(string)+`"}}`)
	want := []any{
		map[string]any{"serving": false, "npudeploys": 1.0},
		map[string]any{"digest": serving["digest"], "serving": true, "npudeploys": 1.0},
	}
	await(t, "the rollout to be counted", func() bool {
		answer := s.ask("counter", http.MethodGet, "/api/v1/templates", "").wantStatus(t, http.StatusOK).json(t)
		return cmp.Equal(answer["rollout"], any(want))
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
	grantList(t, "half", "", "npudeploys")
	grantList(t, "whole", "", "npudeploys")
	grantList(t, "whole", "", "projects")
	for user, want := range map[string]int{"bob": 0, "half": 0, "whole": 2} {
		answer := s.ask(user, http.MethodGet, "/api/v1/templates", "").wantStatus(t, http.StatusOK).json(t)
		rejected := answer["rejected"].(map[string]any)
		reasons, _ := rejected["reasons"].([]any)
		if len(reasons) != want || (rejected["candidate"] != nil) != (want > 0) || rejected["since"] == nil || answer["source"] != "Directory" {
			t.Errorf("%s gets %v", user, answer)
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
