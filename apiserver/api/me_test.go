package api_test

import (
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/dudaji/nufi/apiserver/auth"
)

// panics is an authenticator with a bug.
type panics struct{}

func (panics) Authenticate(*http.Request) (auth.User, error) { panic("on purpose") }

func TestIAmToldWhoIAmAndWhatIMay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	got := s.ask("ann", http.MethodGet, "/api/v1/me", "").want(t, http.StatusOK).json(t)
	if got["name"] != "ann" || !slices.Equal(got["groups"].([]any), []any{"people"}) || got["may"] != nil {
		t.Errorf("ann is told %v", got)
	}
	for person, want := range map[string]bool{"ann": true, "vic": false, "bob": false} {
		got := s.ask(person, http.MethodGet, "/api/v1/me?namespace="+s.namespace, "").want(t, http.StatusOK).json(t)
		if deletes(got["may"].(map[string]any)) != want {
			t.Errorf("%s may delete NpuDeploys: %v, want %v: %v", person, !want, want, got)
		}
	}
}

func deletes(may map[string]any) bool {
	for _, rule := range may["rules"].([]any) {
		rule := rule.(map[string]any)
		if slices.Contains(rule["resources"].([]any), any("npudeploys")) && slices.Contains(rule["verbs"].([]any), any("delete")) {
			return true
		}
	}
	return false
}

// What somebody is in a project is told by their rights: the members of its spec are others.
func TestIAmToldMyProjectsAndWhatIAmThere(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	for person, role := range map[string]string{"ada": "Admin", "eve": "Editor", "vera": "Viewer"} {
		s.awaitKnown(person)
		got := s.ask(person, http.MethodGet, "/api/v1/me", "").want(t, http.StatusOK).json(t)["projects"]
		want := []any{map[string]any{"name": s.namespace, "displayName": "Research", "role": role}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the projects %v, want %v", person, got, want)
		}
	}
	if got, told := s.ask("mallory", http.MethodGet, "/api/v1/me", "").want(t, http.StatusOK).json(t)["projects"].([]any); !told || len(got) != 0 {
		t.Errorf("a stranger has %v", got)
	}
	for _, one := range s.ask("root", http.MethodGet, "/api/v1/me", "").want(t, http.StatusOK).json(t)["projects"].([]any) {
		if one := one.(map[string]any); one["name"] == s.namespace && one["role"] == nil {
			return
		}
	}
	t.Error("who may read all Projects and nothing in them is not told of one, or has a role in it")
}
