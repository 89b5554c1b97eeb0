package api_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// member returns the path of a member.
func (s *fixture) member(kind, name string) string {
	return s.mine("/members?" + url.Values{"kind": {kind}, "name": {name}}.Encode())
}

// roles returns the members' roles, by kind and name.
func (s *fixture) roles(user string) map[string]string {
	s.t.Helper()
	found := map[string]string{}
	for _, item := range s.ask(user, http.MethodGet, s.mine("/members"), "").wantStatus(s.t, http.StatusOK).json(s.t)["items"].([]any) {
		one := item.(map[string]any)
		found[one["kind"].(string)+" "+one["name"].(string)] = one["role"].(string)
	}
	return found
}

func TestMembersAreListedSetAndRemoved(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.awaitProject("vera")
	if got := s.roles("vera"); !maps.Equal(got, map[string]string{"User oidc:ann@example.com": "Viewer"}) {
		t.Errorf("the viewer reads %v", got)
	}
	s.ask("mallory", http.MethodGet, s.mine("/members"), "").wantStatus(t, http.StatusForbidden).problem(t)

	want := map[string]string{"User oidc:ann@example.com": "Editor"}
	s.ask("root", http.MethodPut, s.member("User", "oidc:ann@example.com"), `{"role": "Editor"}`).wantStatus(t, http.StatusOK)
	for _, name := range []string{"oidc:/teams/search", "a/../b", "../../x", "ops + on call & more?", "유진", "%2e%2e%2f", "a;b=c#d"} {
		got := s.ask("root", http.MethodPut, s.member("Group", name), `{"role": "Admin"}`)
		if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "%") {
			got.wantStatus(t, http.StatusUnprocessableEntity).problem(t) // The schema wants a letter first.
			continue
		}
		if got.wantStatus(t, http.StatusOK).json(t)["name"] != name {
			t.Errorf("%q becomes %s", name, got.body)
		}
		want["Group "+name] = "Admin"
	}
	if got := s.roles("root"); !maps.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	s.ask("root", http.MethodDelete, s.member("User", "oidc:/teams/search"), "").wantStatus(t, http.StatusNotFound).problem(t)
	for who := range want {
		kind, name, _ := strings.Cut(who, " ")
		s.ask("root", http.MethodDelete, s.member(kind, name)+"&dryRun=All", "").wantStatus(t, http.StatusAccepted)
		s.ask("root", http.MethodDelete, s.member(kind, name), "").wantStatus(t, http.StatusAccepted)
		s.ask("root", http.MethodDelete, s.member(kind, name), "").wantStatus(t, http.StatusNotFound)
	}
	if got := s.roles("root"); len(got) != 0 {
		t.Errorf("left are %v", got)
	}
}

func TestInvalidMembersAreRejected(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	before := s.ask("root", http.MethodGet, s.mine(""), "").header.Get("ETag")
	for what, path := range map[string]string{
		"nobody":              "?kind=User",
		"an empty name":       "?kind=User&name=",
		"of no kind":          "?name=ann",
		"of another kind":     "?kind=ServiceAccount&name=ann",
		"a kind in lowercase": "?kind=user&name=ann",
		"a line break":        "?kind=User&name=ann%0d%0aX-Y:z",
		"a null":              "?kind=User&name=ann%00",
		"not UTF-8":           "?kind=User&name=ann%ff",
		"a space at the end":  "?kind=User&name=ann%20",
		"Kubernetes' own":     "?kind=Group&name=system:masters",
		"two names":           "?kind=User&name=ann&name=bob",
		"more than there is":  "?kind=User&name=ann&role=Admin",
		"no dry run":          "?kind=User&name=ann&dryRun=yes",
		"too long":            "?kind=User&name=" + strings.Repeat("a", 257),
	} {
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			got := s.ask("root", method, s.mine("/members"+path), `{"role": "Admin"}`).wantStatus(t, http.StatusBadRequest)
			if got.problem(t); got.header.Get("X-Y") != "" {
				t.Errorf("%s: the answer has a header of the name's", what)
			}
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `{"role": "Owner"}`, `{"role": "admin"}`, `{"role": "Admin", "name": "bob"}`} {
		if got := s.ask("root", http.MethodPut, s.member("User", "ann"), body); got.status != 400 && got.status != 422 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	s.ask("root", http.MethodPut, s.member("User", "ann")+"&dryRun=All", `{"role": "Admin"}`).wantStatus(t, http.StatusOK)
	s.ask("root", http.MethodPut, s.mine("/members/user/ann"), `{"role": "Admin"}`).wantStatus(t, http.StatusNotFound)
	if after := s.ask("root", http.MethodGet, s.mine(""), "").header.Get("ETag"); after != before {
		t.Errorf("the Project has changed from %s to %s", before, after)
	}
	s.ask("root", http.MethodPut, s.mine("-nowhere")+"/members?kind=User&name=ann", `{"role": "Admin"}`).wantStatus(t, http.StatusNotFound)
}

func TestConcurrentChangesOfMembersAreAllMade(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	var all sync.WaitGroup
	for _, name := range []string{"one", "two", "three"} {
		all.Go(func() {
			if got := s.ask("root", http.MethodPut, s.member("User", name), `{"role": "Editor"}`); got.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		})
	}
	all.Wait()
	if got := s.roles("root"); len(got) != 4 {
		t.Errorf("members are %v", got)
	}
}

func TestAuditLogNamesTheMember(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	s.ask("root", http.MethodPut, s.member("User", `ann" x`), `{"role": "Editor"}`).wantStatus(t, http.StatusOK)
	log := s.log.String()
	for _, word := range []string{`"change":"set member"`, `"subject":"User ann\" x: Editor"`, `"user":"root@` + s.namespace + `"`} {
		if !strings.Contains(log, word) {
			t.Errorf("no %s in %s", word, log)
		}
	}
}
