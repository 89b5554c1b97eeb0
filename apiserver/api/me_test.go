package api_test

import (
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/dudaji/nufi/apiserver/auth"
)

// panickingAuthenticator has a bug.
type panickingAuthenticator struct{}

func (panickingAuthenticator) Authenticate(*http.Request) (auth.User, error) { panic("on purpose") }

func TestMeReportsTheUserAndPermissions(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	got := s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK).JSON()
	if got["name"] != "ann" || !slices.Equal(got["groups"].([]any), []any{"team"}) || got["may"] != nil {
		t.Errorf("ann gets %v", got)
	}
	for user, want := range map[string]bool{"ann": true, "vic": false, "bob": false} {
		got := s.do(user, http.MethodGet, "/api/v1/me?namespace="+s.Namespace, "").Want(http.StatusOK).JSON()
		if deletes(got["may"].(map[string]any)) != want {
			t.Errorf("%s may delete NpuDeploys: %v, want %v: %v", user, !want, want, got)
		}
	}
}

// deletes reports whether a rule allows to delete NpuDeploys.
func deletes(may map[string]any) bool {
	for _, rule := range may["rules"].([]any) {
		rule := rule.(map[string]any)
		if slices.Contains(rule["resources"].([]any), any("npudeploys")) && slices.Contains(rule["verbs"].([]any), any("delete")) {
			return true
		}
	}
	return false
}

// Roles follow from permissions, and not from the members in the spec.
func TestMeReportsProjectsWithTheUsersRole(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	for user, role := range map[string]string{"ada": "Admin", "eve": "Editor", "vera": "Viewer"} {
		s.awaitProject(user)
		got := s.do(user, http.MethodGet, "/api/v1/me", "").Want(http.StatusOK).JSON()["projects"]
		want := []any{map[string]any{"name": s.Namespace, "displayName": "Research", "role": role}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the projects %v, want %v", user, got, want)
		}
	}
	if got, ok := s.do("mallory", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK).JSON()["projects"].([]any); !ok || len(got) != 0 {
		t.Errorf("a user without rights has %v", got)
	}
	for _, project := range s.do("root", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK).JSON()["projects"].([]any) {
		if project := project.(map[string]any); project["name"] == s.Namespace && project["role"] == nil {
			return
		}
	}
	t.Error("a user who may only read Projects does not see one, or has a role in it")
}
