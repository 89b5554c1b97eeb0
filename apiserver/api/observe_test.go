package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dudaji/nufi/apiserver/api"
)

// wantRequests wants one sample of the count of requests, and no other.
func (s *stage) wantRequests(sample string) {
	s.t.Helper()
	const name = "nufi_apiserver_requests_total"
	want := "# HELP " + name + " Requests served, by method, route template and status.\n# TYPE " + name + " counter\n" + sample + "\n"
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), name); err != nil {
		s.t.Error(err)
	}
}

// Whoever is nobody can send any word for a method, and each would be kept for ever.
func TestMetricsKnowNoMethodOfAClientsOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, method := range []string{"FOO", "BAR", "CONNECT", http.MethodOptions, http.MethodHead} {
		s.ask("", method, "/api/v1/me", "").want(t, http.StatusUnauthorized)
	}
	s.wantRequests(`nufi_apiserver_requests_total{code="401",method="other",route="none"} 5`)
}

// fallible is a way to Kubernetes with a bug in it.
type fallible struct{ http.RoundTripper }

func (f fallible) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch {
		panic("on purpose")
	}
	return f.RoundTripper.RoundTrip(r)
}

func TestAChangeThatPanicsIsNotDone(t *testing.T) {
	t.Parallel()
	s := newStage(t, through(t, func(next http.RoundTripper) http.RoundTripper { return fallible{next} }))
	s.ask("ann", http.MethodPost, "a/restart", "").want(t, http.StatusInternalServerError).problem(t)
	for _, word := range []string{`"change":"restart"`, `"user":"ann"`, `"outcome":"unknown"`, `"status":500`} {
		if !strings.Contains(s.log.String(), word) {
			t.Errorf("the log has no %s: %s", word, s.log)
		}
	}
	s.wantRequests(`nufi_apiserver_requests_total{code="500",method="POST",route="/api/v1/namespaces/{namespace}/npudeploys/{name}/restart"} 1`)
}

// hangUp has the client go away before what it changes arrives.
type hangUp struct {
	http.RoundTripper

	cancel func()
}

func (h hangUp) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch {
		h.cancel()
		<-r.Context().Done()
	}
	return h.RoundTripper.RoundTrip(r)
}

func TestAClientThatHangsUpIsNoFaultOfTheServers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newStage(t, through(t, func(next http.RoundTripper) http.RoundTripper { return hangUp{next, cancel} }))
	s.create("a")
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/namespaces/"+s.namespace+"/npudeploys/a/restart", nil)
	r.Header.Set("Authorization", "Bearer ann")
	s.api.ServeHTTP(w, r)
	if w.Code != 499 || w.Body.Len() > 0 {
		t.Errorf("answered with %d: %s", w.Code, w.Body)
	}
	if log := s.log.String(); !strings.Contains(log, `"outcome":"unknown","status":499`) || strings.Contains(log, "could not serve") {
		t.Errorf("the log is %s", log)
	}
}

func TestAChangeThatIsRefusedBeforeItIsReadLeavesALine(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *api.Options) { o.Limits.BodyBytes = 10 })
	s.ask("ann", http.MethodPost, "", strings.Repeat("x", 11)).want(t, http.StatusRequestEntityTooLarge)
	for _, word := range []string{`"change":"create"`, `"user":"ann"`, `"outcome":"refused"`, `"status":413`} {
		if !strings.Contains(s.log.String(), word) {
			t.Errorf("the log has no %s: %s", word, s.log)
		}
	}
}
