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
	s.Helper()
	found := map[string]string{}
	for _, item := range s.do(user, http.MethodGet, s.mine("/members"), "").Want(http.StatusOK).JSON()["items"].([]any) {
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
	s.do("mallory", http.MethodGet, s.mine("/members"), "").Want(http.StatusForbidden).Problem()

	want := map[string]string{"User oidc:ann@example.com": "Editor"}
	s.do("root", http.MethodPut, s.member("User", "oidc:ann@example.com"), `{"role": "Editor"}`).Want(http.StatusOK)
	for _, name := range []string{"oidc:/teams/search", "a/../b", "../../x", "ops + on call & more?", "유진", "%2e%2e%2f", "a;b=c#d"} {
		got := s.do("root", http.MethodPut, s.member("Group", name), `{"role": "Admin"}`)
		if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "%") {
			got.Want(http.StatusUnprocessableEntity).Problem() // The schema requires a letter first.
			continue
		}
		if got.Want(http.StatusOK).JSON()["name"] != name {
			t.Errorf("%q becomes %s", name, got.Body)
		}
		want["Group "+name] = "Admin"
	}
	if got := s.roles("root"); !maps.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	s.do("root", http.MethodDelete, s.member("User", "oidc:/teams/search"), "").Want(http.StatusNotFound).Problem()
	for who := range want {
		kind, name, _ := strings.Cut(who, " ")
		s.do("root", http.MethodDelete, s.member(kind, name)+"&dryRun=All", "").Want(http.StatusAccepted)
		s.do("root", http.MethodDelete, s.member(kind, name), "").Want(http.StatusAccepted)
		s.do("root", http.MethodDelete, s.member(kind, name), "").Want(http.StatusNotFound)
	}
	if got := s.roles("root"); len(got) != 0 {
		t.Errorf("left are %v", got)
	}
}

func TestInvalidMembersAreRejected(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	before := s.do("root", http.MethodGet, s.mine(""), "").Header.Get("ETag")
	for name, path := range map[string]string{
		"no name":             "?kind=User",
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
			got := s.do("root", method, s.mine("/members"+path), `{"role": "Admin"}`).Want(http.StatusBadRequest)
			if got.Problem(); got.Header.Get("X-Y") != "" {
				t.Errorf("%s: the response has a header from the name", name)
			}
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `{"role": "Owner"}`, `{"role": "admin"}`, `{"role": "Admin", "name": "bob"}`} {
		if got := s.do("root", http.MethodPut, s.member("User", "ann"), body); got.Status != 400 && got.Status != 422 {
			t.Errorf("%s: %d %s", body, got.Status, got.Body)
		}
	}
	s.do("root", http.MethodPut, s.member("User", "ann")+"&dryRun=All", `{"role": "Admin"}`).Want(http.StatusOK)
	s.do("root", http.MethodPut, s.mine("/members/user/ann"), `{"role": "Admin"}`).Want(http.StatusNotFound)
	if after := s.do("root", http.MethodGet, s.mine(""), "").Header.Get("ETag"); after != before {
		t.Errorf("the Project has changed from %s to %s", before, after)
	}
	s.do("root", http.MethodPut, s.mine("-nowhere")+"/members?kind=User&name=ann", `{"role": "Admin"}`).Want(http.StatusNotFound)
}

func TestConcurrentChangesOfMembersAreAllMade(t *testing.T) {
	t.Parallel()
	s := newProjects(t)
	var all sync.WaitGroup
	for _, name := range []string{"one", "two", "three"} {
		all.Go(func() {
			if got := s.do("root", http.MethodPut, s.member("User", name), `{"role": "Editor"}`); got.Status != http.StatusOK {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
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
	s.do("root", http.MethodPut, s.member("User", `ann" x`), `{"role": "Editor"}`).Want(http.StatusOK)
	log := s.Log.String()
	for _, word := range []string{`"change":"set member"`, `"subject":"User ann\" x: Editor"`, `"user":"root@` + s.Namespace + `"`} {
		if !strings.Contains(log, word) {
			t.Errorf("no %s in %s", word, log)
		}
	}
}
