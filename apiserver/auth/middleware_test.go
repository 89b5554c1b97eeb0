package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dudaji/nufi/apiserver/auth"
)

// fixed is an authenticator with a fixed result.
type fixed struct {
	user auth.User
	err  error
}

func (s fixed) Authenticate(*http.Request) (auth.User, error) { return s.user, s.err }

func writeText(w http.ResponseWriter, _ *http.Request, status int, detail string) {
	http.Error(w, detail, status)
}

func TestChainPrecedence(t *testing.T) {
	t.Parallel()
	none := fixed{err: auth.ErrNoCredentials}
	foreign := fixed{err: &auth.InvalidError{Reason: "foreign", Foreign: true}}
	invalid := fixed{err: &auth.InvalidError{Reason: "expired"}}
	unavailable := fixed{err: fmt.Errorf("%w: refused", auth.ErrUnavailable)}
	ann, bob := fixed{user: newUser(t, "ann")}, fixed{user: newUser(t, "bob")}
	for name, test := range map[string]struct {
		chain []auth.Authenticator
		want  string
	}{
		"no authenticator":                    {nil, auth.ErrNoCredentials.Error()},
		"no credentials":                      {[]auth.Authenticator{none, none}, auth.ErrNoCredentials.Error()},
		"the second accepts":                  {[]auth.Authenticator{none, ann, bob}, "ann"},
		"the first accepts":                   {[]auth.Authenticator{bob, ann}, "bob"},
		"a rejected token ends the chain":     {[]auth.Authenticator{invalid, ann}, "invalid credentials: expired"},
		"a foreign token does not":            {[]auth.Authenticator{foreign, ann}, "ann"},
		"a foreign token alone":               {[]auth.Authenticator{foreign, none}, "invalid credentials: foreign"},
		"an outage outweighs a foreign token": {[]auth.Authenticator{foreign, unavailable, none}, unavailable.err.Error()},
		"an outage is skipped":                {[]auth.Authenticator{unavailable, ann}, "ann"},
		"an outage before a rejection":        {[]auth.Authenticator{unavailable, invalid}, unavailable.err.Error()},
		"a rejection between":                 {[]auth.Authenticator{unavailable, invalid, ann}, "ann"},
		"a rejection before an outage":        {[]auth.Authenticator{invalid, unavailable}, "invalid credentials: expired"},
	} {
		user, err := auth.Chain(test.chain...).Authenticate(requestWithToken(t, "abc"))
		got := user.Name()
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestMiddlewareRejectsUnauthenticatedRequests(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		authenticator fixed
		status        int
		challenge     string
	}{
		"a user":                  {fixed{user: newUser(t, "ann")}, http.StatusOK, ""},
		"no credentials":          {fixed{err: auth.ErrNoCredentials}, http.StatusUnauthorized, `Bearer realm="nufi"`},
		"bad credentials":         {fixed{err: &auth.InvalidError{Reason: "expired"}}, http.StatusUnauthorized, `Bearer realm="nufi", error="invalid_token"`},
		"an outage":               {fixed{err: auth.ErrUnavailable}, http.StatusServiceUnavailable, ""},
		"another error":           {fixed{err: errors.New("secret detail")}, http.StatusServiceUnavailable, ""},
		"the zero user, no error": {fixed{}, http.StatusUnauthorized, `Bearer realm="nufi"`},
	} {
		handler := auth.Middleware(test.authenticator, writeText)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			user, ok := auth.UserFrom(r.Context())
			if !ok || user.Name() != "ann" {
				t.Errorf("%s: the user is %q", name, user)
			}
		}))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, requestWithToken(t, "abc"))
		if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge {
			t.Errorf("%s: %d %q, want %d %q", name, w.Code, w.Header().Get("WWW-Authenticate"), test.status, test.challenge)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the body is %s", name, w.Body)
		}
	}
}

func TestUserFromContextWithoutUser(t *testing.T) {
	t.Parallel()
	if user, ok := auth.UserFrom(t.Context()); ok {
		t.Errorf("the user is %q", user)
	}
	if user, ok := auth.UserFrom(auth.WithUser(t.Context(), auth.User{})); ok {
		t.Errorf("with the zero user, the user is %q", user)
	}
}

func TestIdentityHeadersAreRejected(t *testing.T) {
	t.Parallel()
	handler := auth.RejectIdentityHeaders(writeText)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for name, want := range map[string]int{
		"Impersonate-User": 400, "impersonate-group": 400, "IMPERSONATE-UID": 400, "Impersonate-Extra-Scopes": 400, "impersonate_user": 400,
		"X-Remote-User": 400, "X-Remote-Group": 400, "X-Remote-Extra-A": 400, "x_remote_user": 400,
		"X-Forwarded-User": 400, "X-Forwarded-Groups": 400, "X-Forwarded-Email": 400, "X-Forwarded-Access-Token": 400,
		"X-Forwarded-For": 200, "X-Forwarded-Proto": 200, "Authorization": 200, "Accept": 200,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header[name] = []string{"root"}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", name, w.Code, want)
		}
	}
}

func TestCrossOriginWritesAreRejected(t *testing.T) {
	t.Parallel()
	protect, err := auth.RejectCrossOrigin(writeText, "https://console.example.com")
	if err != nil {
		t.Fatal(err)
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for name, test := range map[string]struct {
		method string
		header http.Header
		want   int
	}{
		"another origin":               {http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"a sibling host":               {http.MethodDelete, http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"another origin, old browser":  {http.MethodPut, http.Header{"Origin": {"https://evil.example"}}, 403},
		"a sandboxed page":             {http.MethodPost, http.Header{"Origin": {"null"}}, 403},
		"another origin reads":         {http.MethodGet, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200},
		"the same origin":              {http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		"the same origin, old browser": {http.MethodPost, http.Header{"Origin": {"https://nufi.test"}}, 200},
		"a trusted origin":             {http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://console.example.com"}}, 200},
		"curl":                         {http.MethodPatch, nil, 200},
		"a session without an origin":  {http.MethodPost, http.Header{"Cookie": {"__Host-nufi-session=a"}}, 403},
		"a session reads":              {http.MethodGet, http.Header{"Cookie": {"__Host-nufi-session=a"}}, 200},
		"a session of the same origin": {http.MethodPost, http.Header{"Cookie": {"__Host-nufi-session=a"}, "Origin": {"https://nufi.test"}}, 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, "https://nufi.test/api/v1/projects", nil)
		r.Header = test.header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d, want %d", name, w.Code, test.want)
		}
	}
	if _, err := auth.RejectCrossOrigin(writeText, "https://a.example/path"); err == nil {
		t.Error("a URL with a path was accepted as an origin")
	}
}

func TestDevelopmentModeRequiresLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.8.8.8:1": true, "[::1]:8080": true, "localhost:8080": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "10.0.0.1:8080": false, "example.com:80": false,
		"localhost.example.com:80": false, "127.0.0.1": false, "": false,
	} {
		if err := auth.CheckLoopback(addr); (err == nil) != want {
			t.Errorf("%q: %v", addr, err)
		}
	}
	dev := auth.NewDev(newUser(t, "dev"))
	for host, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost": true, "[::1]:80": true, "[::1]": true,
		"rebound.example.com:8080": false, "10.0.0.1": false, "": false,
	} {
		r := requestWithToken(t, "abc")
		r.Host = host
		if _, err := dev.Authenticate(r); (err == nil) != want {
			t.Errorf("a request for %q: %v", host, err)
		}
	}
	if _, err := auth.NewDev(auth.User{}).Authenticate(requestWithToken(t, "abc")); err == nil {
		t.Error("the zero user was accepted")
	}
}
