package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// routePath is a route of a router.
type routePath struct{ method, path string }

func walk(t *testing.T, router *mux.Router) []routePath {
	t.Helper()
	var found []routePath
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return err
		}
		for _, method := range methods {
			if method == http.MethodHead {
				continue // like GET
			}
			found = append(found, routePath{method, template})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestOnlyPublicRoutesNeedNoAuthentication(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	public, private := s.API.Routers()
	open := []routePath{{http.MethodGet, "/openapi.json"}, {http.MethodGet, "/assets/{asset}"}}
	if got := walk(t, public); !slices.Equal(got, open) {
		t.Errorf("open to everybody: %v, want %v", got, open)
	}
	routes := walk(t, private)
	if len(routes) == 0 {
		t.Fatal("there are no routes")
	}
	for _, route := range routes {
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(route.path, "x")
		if got := s.do("", route.method, path, ""); got.Status != http.StatusUnauthorized || got.Problem().Detail == "" {
			t.Errorf("%s %s without a user: %d", route.method, route.path, got.Status)
		}
		if got := s.do("mallory", route.method, path, ""); got.Status != http.StatusUnauthorized {
			t.Errorf("%s %s with bad credentials: %d", route.method, route.path, got.Status)
		}
	}
}

func TestUnusualPathsRequireAuthentication(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	for _, path := range []string{
		"/openapi.json/../api/v1/me", "//openapi.json", "/openapi.json/", "/api/v1/me/", "/api/v1//me", "/API/v1/me",
		"/%6fpenapi.json/%2e%2e/api/v1/me", "/login", "/login/../api/v1/me", "/metrics", "/debug/pprof/",
	} {
		if got := s.do("", http.MethodGet, path, ""); got.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}

func TestEveryErrorIsAProblem(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	for name, test := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"no such path":               {http.MethodGet, "/api/v1/nothing", nil, 404},
		"no such method":             {http.MethodDelete, "/api/v1/me", nil, 405},
		"no such parameter":          {http.MethodGet, "/api/v1/me?namespce=x", nil, 400},
		"a parameter twice":          {http.MethodGet, "/api/v1/me?namespace=x&namespace=y", nil, 400},
		"an invalid query":           {http.MethodGet, "/api/v1/me?a=%zz", nil, 400},
		"an identity in a header":    {http.MethodGet, "/api/v1/me", []string{"Impersonate-User", "admin"}, 400},
		"a foreign page that writes": {http.MethodPost, "/api/v1/me", []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.do("ann", test.method, test.path, "", test.headers...).Want(test.status)
			if got.Problem().Detail == "" {
				t.Errorf("the problem has no detail: %s", got.Body)
			}
		})
	}
	if allow := s.do("ann", http.MethodDelete, "/api/v1/me", "").Header.Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow is %q, want GET, HEAD", allow)
	}
}

func TestHeadIsServedWhereverGetIs(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	created := s.create("a")
	for _, path := range []string{"a", "", "a/scale", "/api/v1/me", "/openapi.json", "/api/v1/devices", "/api/v1/namespaces", "a/manifests", watchAll, "/api/v1/watch/devices", "/api/v1/watch?topic=projects"} {
		got := s.do("ann", http.MethodHead, path, "").Want(http.StatusOK)
		if len(got.Body) > 0 || got.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %v %s", path, got.Header, got.Body)
		}
	}
	if tag := s.do("ann", http.MethodHead, "a", "").Header.Get("ETag"); tag != created.Header.Get("ETag") {
		t.Errorf("ETag %s became %s", created.Header.Get("ETag"), tag)
	}
	_, private := s.API.Routers()
	for _, route := range walk(t, private) {
		head := httptest.NewRequestWithContext(t.Context(), http.MethodHead, regexp.MustCompile(`\{\w+\}`).ReplaceAllString(route.path, "x"), nil)
		if match := (mux.RouteMatch{}); route.method == http.MethodGet && !private.Match(head, &match) {
			t.Errorf("%s has no HEAD", route.path)
		}
	}
	s.do("ann", http.MethodHead, "none", "").Want(http.StatusNotFound)
	s.do("", http.MethodHead, "/api/v1/me", "").Want(http.StatusUnauthorized)
}

func TestCORSIsForTrustedOrigins(t *testing.T) {
	t.Parallel()
	const console = "https://console.example.com"
	s := newFixture(t, func(o *api.Options) { o.TrustedOrigins = []string{console} })
	allowed := func(r apitest.Response) string { return r.Header.Get("Access-Control-Allow-Origin") }
	preflight := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,if-match", "Sec-Fetch-Site", "cross-site", "Origin"}
	got := s.do("", http.MethodOptions, "a", "", append(preflight, console)...).Want(http.StatusNoContent)
	if allowed(got) != console || !strings.Contains(got.Header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "If-Match") || !slices.Contains(got.Header.Values("Vary"), "Origin") {
		t.Errorf("the preflight's response has %v", got.Header)
	}
	for _, origin := range []string{"https://evil.example.com", "null", console + ".evil.com", "http://console.example.com"} {
		if got := s.do("", http.MethodOptions, "a", "", append(preflight, origin)...).Want(http.StatusUnauthorized); allowed(got) != "" {
			t.Errorf("%s: %v", origin, got.Header)
		}
		s.do("ann", http.MethodPost, "", deployJSON("a"), "Origin", origin, "Sec-Fetch-Site", "cross-site").Want(http.StatusForbidden)
	}
	created := s.do("ann", http.MethodPost, "", deployJSON("a"), "Origin", console, "Sec-Fetch-Site", "cross-site").Want(http.StatusCreated)
	if allowed(created) != console || !strings.Contains(created.Header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("the response has %v", created.Header)
	}
	if got := s.do("", http.MethodGet, "a", "", "Origin", console).Want(http.StatusUnauthorized); allowed(got) != console {
		t.Errorf("an error has %v", got.Header)
	}
	if got := newFixture(t).do("ann", http.MethodGet, "/api/v1/me", "", "Origin", console); allowed(got) != "" || got.Header.Get("Vary") != "" {
		t.Errorf("without trusted origins: %v", got.Header)
	}
}

func TestRequestRateIsLimitedPerUser(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newFixture(t, func(o *api.Options) {
		o.Clock = func() time.Time { return now }
		o.Limits.User.PerSecond, o.Limits.User.Burst = 0.5, 3
	})
	for range 3 {
		s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK)
	}
	rejected := s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusTooManyRequests)
	if after := rejected.Header.Get("Retry-After"); after != "2" {
		t.Errorf("Retry-After is %q, want 2", after)
	}
	rejected.Problem()
	s.do("vic", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK)
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.InFlight = 0 })
	if got := s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusTooManyRequests); got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s = newFixture(t, func(o *api.Options) { o.Limits.User.InFlight = 0 })
	s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusTooManyRequests)
}

func TestBodyThatIsTooLargeIsRejected(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.BodyBytes = 10 })
	s.do("ann", http.MethodPost, s.previewPath(), strings.Repeat("x", 11)).Want(http.StatusRequestEntityTooLarge).Problem()

	// Without a length beforehand, it is found out while reading.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+s.previewPath(), io.MultiReader(strings.NewReader(strings.Repeat("x", 11))))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer ann")
	s.Send(request).Want(http.StatusRequestEntityTooLarge).Problem()
}

func TestHeaderOrAddressThatIsTooLargeIsRejected(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	for _, who := range []string{"", "ann"} {
		s.do(who, http.MethodGet, "/api/v1/me", "", "X-Large", strings.Repeat("x", 64<<10)).Want(http.StatusRequestHeaderFieldsTooLarge).Problem()
		s.do(who, http.MethodGet, "/api/v1/me?namespace="+strings.Repeat("x", 8<<10), "").Want(http.StatusRequestURITooLong).Problem()
	}
}

func TestBodyThatTimesOutIsAClientError(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	w := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, s.previewPath(), iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{}"))))
	request.Header.Set("Authorization", "Bearer ann")
	s.API.ServeHTTP(w, request)
	if w.Code != http.StatusRequestTimeout {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// hold sends a create but the last byte of its body, which the returned function sends.
// The server is reading the body when hold returns.
func (s *fixture) hold(user, body string) (finish func(), response <-chan apitest.Response) {
	s.Helper()
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.URL+"/api/v1/namespaces/"+s.Namespace+"/npudeploys", reader)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+user)
	request.Header.Set("Expect", "100-continue")
	responses := make(chan apitest.Response, 1)
	go func() {
		defer close(responses)
		responses <- s.Send(request)
	}()
	if _, err := io.WriteString(writer, body[:len(body)-1]); err != nil {
		s.Fatal(err)
	}
	return func() {
		_, _ = io.WriteString(writer, body[len(body)-1:]) // fails if the server has stopped reading
		_ = writer.Close()
	}, responses
}

func TestSlowBodiesUseNoSlot(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.InFlight = 1 })
	finish, response := s.hold("ann", deployJSON("a"))
	s.do("vic", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK)
	finish()
	(<-response).Want(http.StatusCreated)
	s.do("vic", http.MethodGet, "a", "").Want(http.StatusOK)
}

func TestSlowClientGetsATimeout(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Limits.BodyTime = 200 * time.Millisecond })
	finish, response := s.hold("ann", deployJSON("a"))
	defer finish()
	(<-response).Want(http.StatusRequestTimeout).Problem()
}

func TestMetricsAreLabelledByRouteAndNotByPath(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK)
	s.do("ann", http.MethodGet, "/api/v1/secret-name", "").Want(http.StatusNotFound)
	s.do("", http.MethodGet, "/openapi.json", "").Want(http.StatusOK)
	const want = `
# HELP nufi_apiserver_requests_total Requests served, by method, route template and status.
# TYPE nufi_apiserver_requests_total counter
nufi_apiserver_requests_total{code="200",method="GET",route="/api/v1/me"} 1
nufi_apiserver_requests_total{code="200",method="GET",route="/openapi.json"} 1
nufi_apiserver_requests_total{code="404",method="GET",route="none"} 1
`
	if err := testutil.GatherAndCompare(s.Registry, strings.NewReader(want), "nufi_apiserver_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestOpenAPIDocumentDescribesEveryRoute(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	got := s.do("", http.MethodGet, "/openapi.json", "").Want(http.StatusOK)
	var document struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct{ Schemas map[string]any }      `json:"components"`
	}
	if err := json.Unmarshal(got.Body, &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.1.0" {
		t.Errorf("the version is %q", document.OpenAPI)
	}
	_, private := s.API.Routers()
	for _, route := range walk(t, private) {
		if document.Paths[route.path][strings.ToLower(route.method)] == nil {
			t.Errorf("%s %s is not described", route.method, route.path)
		}
	}
	for _, found := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(got.Body), -1) {
		if document.Components.Schemas[found[1]] == nil {
			t.Errorf("the schema %s is not there", found[1])
		}
	}
	for _, words := range []string{"model is what the server loads", "members are the users and groups"} {
		if !strings.Contains(string(got.Body), words) {
			t.Errorf("a description of the CRDs is missing: %s", words)
		}
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(o *api.Options) { o.Authenticator = panickingAuthenticator{} })
	s.do("ann", http.MethodGet, "/api/v1/me", "").Want(http.StatusInternalServerError).Problem()
	if !strings.Contains(s.Log.String(), "Recovered from a panic") {
		t.Errorf("the panic is not logged: %s", s.Log)
	}
	w := httptest.NewRecorder()
	s.API.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/me", nil))
	if strings.Contains(w.Body.String(), "goroutine") || strings.Contains(w.Body.String(), "on purpose") {
		t.Errorf("the client reads %s", w.Body)
	}
}
