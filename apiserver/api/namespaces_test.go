package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// namespaceOf returns the entry of a namespace in a list of namespaces, or nil.
func namespaceOf(t *testing.T, s *fixture, user, name string) map[string]any {
	t.Helper()
	for _, entry := range s.do(user, http.MethodGet, "/api/v1/namespaces", "").Want(http.StatusOK).JSON()["namespaces"].([]any) {
		if entry := entry.(map[string]any); entry["name"] == name {
			return entry
		}
	}
	return nil
}

// reviewCounter counts the access reviews that name a text.
type reviewCounter struct {
	next  http.RoundTripper
	text  string
	count *atomic.Int32
}

func (c reviewCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte(c.text)) {
			c.count.Add(1)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.next.RoundTrip(r)
}

func TestNamespacesReportWhereAUserMayWrite(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.Await("the namespace in the cache", func() bool { return namespaceOf(t, s, "vic", s.Namespace) != nil })
	for user, want := range map[string]bool{"ann": true, "vic": false} {
		got := namespaceOf(t, s, user, s.Namespace)
		for _, verb := range []string{"create", "update", "delete"} {
			if got[verb] != want {
				t.Errorf("%s: %s is %v, want %t", user, verb, got[verb], want)
			}
		}
		if got["project"] != false || got["displayName"] != s.Namespace {
			t.Errorf("%s sees %v", user, got)
		}
	}
	if got := namespaceOf(t, s, "bob", s.Namespace); got != nil {
		t.Errorf("bob sees %v", got)
	}
}

func TestNamespacesUseCachedReviews(t *testing.T) {
	t.Parallel()
	first, count := newFixture(t), &atomic.Int32{}
	s := newFixture(t, withTransport(t, func(next http.RoundTripper) http.RoundTripper {
		return reviewCounter{next, first.Namespace, count}
	}))
	first.Await("the namespace in the cache", func() bool { return namespaceOf(t, first, "vic", first.Namespace) != nil })
	for range 3 {
		namespaceOf(t, s, "vic", first.Namespace)
	}
	if got := count.Load(); got != 4 { // list, create, patch, delete
		t.Errorf("three lists review the namespace %d times, want 4", got)
	}
}

func TestClaimsAreListedWithPermissionOnly(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.Bind("nufi-project-viewer", s.Namespace, "vic")
	kubectl(s, `{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"}, "spec": {
		"accessModes": ["ReadWriteMany"], "storageClassName": "fast", "resources": {"requests": {"storage": "100Gi"}}}}`, "create", "-f", "-")
	path := "/api/v1/namespaces/" + s.Namespace + "/persistentvolumeclaims"
	s.Await("the right to list claims", func() bool { return s.do("vic", http.MethodGet, path, "").Status == http.StatusOK })
	const want = `{"claims":[{"name":"models","phase":"Pending","storageClass":"fast","accessModes":["ReadWriteMany"],"requested":"100Gi"}]}`
	if got := strings.TrimSpace(string(s.do("vic", http.MethodGet, path, "").Body)); got != want {
		t.Errorf("the claims are %s, want %s", got, want)
	}
	if missing := s.do("bob", http.MethodGet, path, "").Want(http.StatusForbidden).Problem().Missing; missing == nil || missing.Resource != "persistentvolumeclaims" {
		t.Errorf("the missing permission is %v", missing)
	}
}
