package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/dudaji/nufi/apiserver/auth"
)

// panics is an authenticator with a bug.
type panics struct{}

func (panics) Authenticate(*http.Request) (auth.Person, error) { panic("on purpose") }

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
