package rest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// logBuffer collects log lines.
type logBuffer struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (b *logBuffer) logger() logr.Logger {
	return funcr.NewJSON(func(line string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		_, _ = fmt.Fprintln(&b.lines, line)
	}, funcr.Options{})
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.String()
}

// tokens accepts "good" and rejects every other token.
type tokens struct{}

func (tokens) Authenticate(r *http.Request) (auth.User, error) {
	switch r.Header.Get("Authorization") {
	case "":
		return auth.User{}, auth.ErrNoCredentials
	case "Bearer good":
		return auth.NewUser("ann", nil)
	case "Bearer unavailable":
		return auth.User{}, auth.ErrUnavailable
	}
	return auth.User{}, &auth.InvalidError{Reason: "the token has expired"}
}

// newGuarded returns the middleware of the API around a GET and a POST of /things/{name}.
func newGuarded(t *testing.T, clock func() time.Time) (http.Handler, *logBuffer, *prometheus.Registry) {
	t.Helper()
	router, registry, log := mux.NewRouter(), prometheus.NewRegistry(), &logBuffer{}
	routes := []Route{
		{Operation: openapi.Operation{Method: http.MethodGet, Path: "/things/{name}"}},
		{Operation: openapi.Operation{Method: http.MethodPost, Path: "/things/{name}"}, Change: "create"},
	}
	for _, route := range routes {
		router.HandleFunc(route.Path, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "full") {
				problem.WriteStatus(w, r, http.StatusTooManyRequests, "busy")
			}
		}).Methods(route.Method)
	}
	metrics, err := NewMetrics(registry, NewStreams(StreamOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	crossOrigin, err := auth.RejectCrossOrigin(Rejected("cross-origin", problem.WriteStatus))
	if err != nil {
		t.Fatal(err)
	}
	handler := RecordUser(router)
	for _, middleware := range []func(http.Handler) http.Handler{
		auth.Middleware(tokens{}, Rejected("credentials", problem.WriteStatus)), crossOrigin,
		auth.RejectIdentityHeaders(Rejected("identity header", problem.WriteStatus)),
		MatchRoute(router, routes), Observe(metrics, clock), Identify(log.logger()),
	} {
		handler = middleware(handler)
	}
	return handler, log, registry
}

func send(t *testing.T, handler http.Handler, method, path string, header http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header = header
	handler.ServeHTTP(httptest.NewRecorder(), r)
}

func TestRejectedRequestsAreLoggedAndCountedByRoute(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path string
		header       http.Header
		lines        []string // parts of the one line; none for no line
		code         string
	}{
		"a forged token":                   {http.MethodGet, "/things/a", http.Header{"Authorization": {"Bearer forged"}}, []string{`"rejection":"credentials"`, "expired"}, "401"},
		"a smuggled header":                {http.MethodGet, "/things/a", http.Header{"Impersonate-User": {"root"}}, []string{`"rejection":"identity header"`, "Impersonate-User"}, "400"},
		"a write from another origin":      {http.MethodPost, "/things/a", http.Header{"Sec-Fetch-Site": {"cross-site"}}, []string{`"rejection":"cross-origin"`, `"change":"create"`}, "403"},
		"a write without credentials":      {http.MethodPost, "/things/a", nil, []string{`"rejection":"credentials"`, `"change":"create"`}, "401"},
		"a read without credentials":       {http.MethodGet, "/things/a", nil, nil, "401"},
		"a read while none can be checked": {http.MethodGet, "/things/a", http.Header{"Authorization": {"Bearer unavailable"}}, []string{`"status":503`}, "503"},
		"a user's rejected write":          {http.MethodPost, "/things/full", http.Header{"Authorization": {"Bearer good"}}, []string{`"user":"ann"`, `"outcome":"refused"`, `"status":429`}, "429"},
		"a user's read":                    {http.MethodGet, "/things/a", http.Header{"Authorization": {"Bearer good"}}, nil, "200"},
	} {
		handler, log, registry := newGuarded(t, time.Now)
		send(t, handler, test.method, test.path, test.header)
		for _, want := range test.lines {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: the log has no %s: %s", name, want, log)
			}
		}
		if len(test.lines) == 0 && log.String() != "" {
			t.Errorf("%s: the log is %s", name, log)
		}
		const metric = "nufi_apiserver_requests_total"
		want := fmt.Sprintf("# HELP %[1]s Requests served, by method, route template and status.\n# TYPE %[1]s counter\n"+
			"%[1]s{code=%[2]q,method=%[3]q,route=\"/things/{name}\"} 1\n", metric, test.code, test.method)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), metric); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLinesAboutRejectedRequestsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	handler, log, _ := newGuarded(t, func() time.Time { return now })
	forged := http.Header{"Authorization": {"Bearer forged"}}
	for range 1000 {
		send(t, handler, http.MethodGet, "/things/a", forged)
	}
	if lines := strings.Count(log.String(), "\n"); lines != rejectionBurst {
		t.Errorf("%d lines, want %d", lines, rejectionBurst)
	}
	now = now.Add(time.Second)
	send(t, handler, http.MethodGet, "/things/a", forged)
	if want := `"dropped":900`; !strings.Contains(log.String(), want) {
		t.Errorf("no line has %s", want)
	}
}

func TestSlowRequestIsLogged(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	clock := func() time.Time {
		now = now.Add(slowRequest)
		return now
	}
	handler, log, _ := newGuarded(t, clock)
	send(t, handler, http.MethodGet, "/things/a", http.Header{"Authorization": {"Bearer good"}})
	for _, want := range []string{"Served a slow request", `"user":"ann"`, `"route":"/things/{name}"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log)
		}
	}
}

func TestEndReasonOfStreams(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"completed":    nil,
		"stopping":     problem.New(http.StatusServiceUnavailable, "stopping"),
		"revoked":      problem.New(http.StatusForbidden, "no longer"),
		"error":        problem.New(http.StatusInternalServerError, "an error"),
		"timeout":      fmt.Errorf("writing: %w", os.ErrDeadlineExceeded),
		"disconnected": net.ErrClosed,
	} {
		if got := endReason(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
