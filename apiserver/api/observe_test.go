package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/apiserver/api"
)

// wantRequests fails the test unless the counter of requests has exactly this sample.
func (s *fixture) wantRequests(sample string) {
	s.Helper()
	const name = "nufi_apiserver_requests_total"
	want := "# HELP " + name + " Requests served, by method, route template and status.\n# TYPE " + name + " counter\n" + sample + "\n"
	if err := testutil.GatherAndCompare(s.Registry, strings.NewReader(want), name); err != nil {
		s.Error(err)
	}
}

// A check takes longest: its body may arrive slowly, and then it has a time of its own.
func TestBucketsReachTheLongestRequest(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("", http.MethodGet, "/api/v1/me", "").Want(http.StatusUnauthorized)
	families, err := s.Registry.Gather()
	s.Must(err)
	limits, longest := api.DefaultLimits(), 0.0
	for _, family := range families {
		if family.GetName() == "nufi_apiserver_request_seconds" {
			buckets := family.GetMetric()[0].GetHistogram().GetBucket()
			longest = buckets[len(buckets)-1].GetUpperBound()
		}
	}
	if want := (limits.BodyTime + limits.Check.Time).Seconds(); longest < want {
		t.Errorf("the last bucket ends at %v s, want at least %v", longest, want)
	}
}

// Otherwise clients without credentials could create metrics without bound.
func TestUnknownMethodsShareAMetricLabel(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	for _, method := range []string{"FOO", "BAR", "CONNECT", http.MethodOptions, "TRACE"} {
		s.do("", method, "/api/v1/me", "").Want(http.StatusUnauthorized)
	}
	s.wantRequests(`nufi_apiserver_requests_total{code="401",method="other",route="none"} 5`)
}

// panickingTransport panics on a patch.
type panickingTransport struct{ http.RoundTripper }

func (f panickingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch {
		panic("on purpose")
	}
	return f.RoundTripper.RoundTrip(r)
}

func TestAuditLogRecordsAChangeThatPanics(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withTransport(t, func(next http.RoundTripper) http.RoundTripper { return panickingTransport{next} }))
	s.do("ann", http.MethodPost, "a/restart", "").Want(http.StatusInternalServerError).Problem()
	for _, word := range []string{`"change":"restart"`, `"user":"ann"`, `"outcome":"unknown"`, `"status":500`} {
		if !strings.Contains(s.Log.String(), word) {
			t.Errorf("the log has no %s: %s", word, s.Log)
		}
	}
	s.wantRequests(`nufi_apiserver_requests_total{code="500",method="POST",route="/api/v1/namespaces/{namespace}/npudeploys/{name}/restart"} 1`)
}

// cancellingTransport cancels the client's request before its merge patch is sent.
type cancellingTransport struct {
	http.RoundTripper

	cancel func()
}

func (h cancellingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Content-Type") == string(types.MergePatchType) {
		h.cancel()
		<-r.Context().Done()
	}
	return h.RoundTripper.RoundTrip(r)
}

func TestClientThatHangsUpIsNoServerError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newFixture(t, withTransport(t, func(next http.RoundTripper) http.RoundTripper { return cancellingTransport{next, cancel} }))
	s.create("a")
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/namespaces/"+s.Namespace+"/npudeploys/a/restart", nil)
	r.Header.Set("Authorization", "Bearer ann")
	s.API.ServeHTTP(w, r)
	if w.Code != 499 || w.Body.Len() > 0 {
		t.Errorf("answered with %d: %s", w.Code, w.Body)
	}
	if log := s.Log.String(); !strings.Contains(log, `"outcome":"unknown","status":499`) || strings.Contains(log, "could not serve") {
		t.Errorf("the log is %s", log)
	}
}

func TestAuditLogRecordsAChangeWhoseBodyIsRejected(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.BodyBytes = 10 })
	s.do("ann", http.MethodPost, "", strings.Repeat("x", 11)).Want(http.StatusRequestEntityTooLarge)
	for _, word := range []string{`"change":"create"`, `"user":"ann"`, `"outcome":"refused"`, `"status":413`} {
		if !strings.Contains(s.Log.String(), word) {
			t.Errorf("the log has no %s: %s", word, s.Log)
		}
	}
}
