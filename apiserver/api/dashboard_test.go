package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestDashboardListsOnlyVisibleDeployments(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.create("shown-on-the-page")
	row := ">shown-on-the-page<"
	page := func(user string) string {
		return string(s.do(user, http.MethodGet, "/?project="+s.Namespace, "").Want(http.StatusOK).Body)
	}
	s.Await("the deployment on the page", func() bool { return strings.Contains(page("vic"), row) })
	if strings.Contains(page("bob"), row) {
		t.Error("a user without rights sees the deployment")
	}
	s.do("ann", http.MethodGet, "/?sort=nothing", "").Want(http.StatusBadRequest).Problem()
	s.do("ann", http.MethodGet, "/?page=0", "").Want(http.StatusBadRequest).Problem()
}

func TestDashboardHeaders(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	page := s.do("vic", http.MethodGet, "/", "").Want(http.StatusOK)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	policies := page.Header.Values("Content-Security-Policy")
	if len(policies) != 1 || !strings.HasPrefix(policies[0], "default-src 'none'; style-src 'self';") || !strings.Contains(policies[0], "frame-ancestors 'none'") {
		t.Errorf("the policies are %q", policies)
	}
	style := regexp.MustCompile(`/assets/[0-9a-f]{16}-style\.css`).FindString(string(page.Body))
	asset := s.do("vic", http.MethodGet, style, "").Want(http.StatusOK)
	if got := asset.Header.Get("Cache-Control"); got != "private, max-age=31536000, immutable" {
		t.Errorf("Cache-Control is %q", got)
	}
}
