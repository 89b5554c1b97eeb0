package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func (s *stage) previewPath() string { return "/api/v1/namespaces/" + s.namespace + "/preview" }

func (s *stage) preview(body string) map[string]any {
	s.t.Helper()
	return s.ask("ann", http.MethodPost, s.previewPath(), body).want(s.t, http.StatusOK).json(s.t)
}

// effects are the changes of a preview: object and effect.
func effects(answer map[string]any) map[string]string {
	found := map[string]string{}
	for _, change := range answer["changes"].([]any) {
		change := change.(map[string]any)
		found[change["object"].(string)] = change["effect"].(string)
	}
	return found
}

func TestAPreviewOfSomethingNewIsAllItsManifestsAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	answer := s.preview(short("a"))
	var kinds []string
	for _, manifest := range answer["manifests"].([]any) {
		kinds = append(kinds, manifest.(map[string]any)["kind"].(string))
	}
	for _, kind := range []string{"Deployment", "Service", "ServiceAccount"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
	if len(effects(answer)) != len(kinds) || !strings.HasPrefix(answer["templates"].(string), "sha256:") || answer["sources"] != nil {
		t.Errorf("the changes are %v, by %v", effects(answer), answer["templates"])
	}
	s.ask("ann", http.MethodGet, "a", "").want(t, http.StatusNotFound)
}

func TestAPreviewSaysWhatWouldRestart(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.create("a")
	s.ask("ann", http.MethodPost, "a/restart", "").want(t, http.StatusOK)
	if answer := s.preview(short("a")); answer["effect"] != "None" || len(effects(answer)) != 0 {
		t.Errorf("the same spec: %v", effects(answer))
	}
	other := strings.Replace(short("a"), "org/model", "org/other", 1)
	answer := s.preview(other)
	if answer["effect"] != "Restart" || effects(answer)["deployment/a"] != "Restart" {
		t.Errorf("another model: %v", effects(answer))
	}
	diff := answer["changes"].([]any)[0].(map[string]any)["diff"].(string)
	if !strings.Contains(diff, "-        - --model=org/model") && !strings.Contains(diff, "org/other") {
		t.Errorf("the diff is %s", diff)
	}
	scaled := s.preview(strings.Replace(short("a"), `"spec": {`, `"spec": {"inferenceServer": {"replicas": 2}, `, 1))
	if scaled["effect"] != "InPlace" {
		t.Errorf("another number: %v", effects(scaled))
	}
	gone := strings.Replace(short("a"), `"spec": {`, `"spec": {"endpoint": {"host": "a.example.com"}, `, 1)
	s.ask("ann", http.MethodPut, "a", gone, "If-Match", "*").want(t, http.StatusOK)
	if answer := s.preview(short("a")); answer["effect"] != "Delete" {
		t.Errorf("without an endpoint: %v", effects(answer))
	}
}

func TestAPreviewSaysWhereFieldsCameFrom(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	answer := s.ask("ann", http.MethodPost, s.previewPath()+"?sources=true", short("a")).want(t, http.StatusOK).json(t)
	by := map[string]bool{}
	for _, source := range answer["sources"].([]any) {
		for _, decided := range source.(map[string]any)["decided"].([]any) {
			by[decided.(map[string]any)["by"].(string)] = true
		}
	}
	for _, kind := range []string{"user", "policy", "accelerator", "template"} {
		if !by[kind] {
			t.Errorf("nothing came from %s: %v", kind, by)
		}
	}
	s.ask("ann", http.MethodPost, s.previewPath()+"?sources=perhaps", short("a")).want(t, http.StatusBadRequest).problem(t)
}

func TestAPreviewsFaultsHaveTheirPaths(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for body, want := range map[string]string{
		strings.Replace(short("a"), `"count": 2`, `"count": 3`, 1):  "spec.accelerator.count", // the templates refuse it
		strings.Replace(short("a"), `"count": 2`, `"count": 99`, 1): "spec.accelerator.count", // the CRD does
		`{"spec": {"model": "org/model"}}`:                          "metadata.name",
	} {
		answer := s.ask("ann", http.MethodPost, s.previewPath(), body).want(t, http.StatusUnprocessableEntity).problem(t)
		if len(answer.Errors) == 0 || answer.Errors[0].Field != want {
			t.Errorf("%s: %v, want %s", body, answer.Errors, want)
		}
	}
}

// Who may make deployments sees what becomes of them, and need not read the Project for it.
func TestAPreviewFollowsTheProject(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.ask("ann", http.MethodGet, "/api/v1/projects/"+s.namespace, "").want(t, http.StatusForbidden)
	s.create("a")
	s.preview(short("a"))
	s.project("batch")
	await(t, "the Project to be known", func() bool {
		return priorityIn(t, s.preview(short("a"))) == "batch" && priorityIn(t, s.preview(short("b"))) == "batch"
	})
}

// project makes the stage's namespace one of a Project.
func (s *stage) project(priorityClass string) {
	s.t.Helper()
	kubectl(s.t, s, fmt.Sprintf(`
apiVersion: dudaji.com/v1
kind: Project
metadata: {name: %s}
spec: {defaultPriorityClass: %s}
`, s.namespace, priorityClass), "apply", "-f", "-")
}

// priorityIn is the priority class of the pods of a preview, or nil.
func priorityIn(t *testing.T, answer map[string]any) any {
	t.Helper()
	for _, manifest := range answer["manifests"].([]any) {
		found, named, _ := unstructured.NestedFieldNoCopy(manifest.(map[string]any), "spec", "template", "spec", "priorityClassName")
		if named {
			return found
		}
	}
	return nil
}
