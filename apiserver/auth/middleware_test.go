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

// says is an authenticator with one answer.
type says struct {
	person auth.User
	err    error
}

func (s says) Authenticate(*http.Request) (auth.User, error) { return s.person, s.err }

// plainly writes an error as text.
func plainly(w http.ResponseWriter, _ *http.Request, status int, detail string) {
	http.Error(w, detail, status)
}

func TestTheFirstWhoKnowsDecides(t *testing.T) {
	t.Parallel()
	none := says{err: auth.ErrNoCredentials}
	foreign := says{err: &auth.InvalidError{Reason: "foreign", Foreign: true}}
	invalid := says{err: &auth.InvalidError{Reason: "expired"}}
	away := says{err: fmt.Errorf("%w: refused", auth.ErrUnavailable)}
	ann, bob := says{person: someone(t, "ann")}, says{person: someone(t, "bob")}
	for name, test := range map[string]struct {
		chain []auth.Authenticator
		want  string
	}{
		"nobody is asked":                     {nil, auth.ErrNoCredentials.Error()},
		"nobody knows":                        {[]auth.Authenticator{none, none}, auth.ErrNoCredentials.Error()},
		"the second knows":                    {[]auth.Authenticator{none, ann, bob}, "ann"},
		"the first knows":                     {[]auth.Authenticator{bob, ann}, "bob"},
		"a bad token is no reason to go on":   {[]auth.Authenticator{invalid, ann}, "invalid credentials: expired"},
		"another's token is":                  {[]auth.Authenticator{foreign, ann}, "ann"},
		"nobody's token":                      {[]auth.Authenticator{foreign, none}, "invalid credentials: foreign"},
		"an outage may have known":            {[]auth.Authenticator{foreign, away, none}, away.err.Error()},
		"an outage is passed by":              {[]auth.Authenticator{away, ann}, "ann"},
		"an outage does not save a bad token": {[]auth.Authenticator{away, invalid}, "invalid credentials: expired"},
	} {
		person, err := auth.Chain(test.chain...).Authenticate(bearing(t, "abc"))
		got := person.Name()
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestNoRequestPassesWithoutAPerson(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		says      says
		status    int
		challenge string
	}{
		"a person":             {says{person: someone(t, "ann")}, http.StatusOK, ""},
		"no credentials":       {says{err: auth.ErrNoCredentials}, http.StatusUnauthorized, `Bearer realm="nufi"`},
		"bad credentials":      {says{err: &auth.InvalidError{Reason: "expired"}}, http.StatusUnauthorized, `Bearer realm="nufi", error="invalid_token"`},
		"an outage":            {says{err: auth.ErrUnavailable}, http.StatusServiceUnavailable, ""},
		"something else":       {says{err: errors.New("secret detail")}, http.StatusServiceUnavailable, ""},
		"nobody, and no error": {says{}, http.StatusUnauthorized, `Bearer realm="nufi"`},
	} {
		handler := auth.Middleware(test.says, plainly)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			person, ok := auth.UserFrom(r.Context())
			if !ok || person.Name() != "ann" {
				t.Errorf("%s: the request passes as %q", name, person)
			}
		}))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, bearing(t, "abc"))
		if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge {
			t.Errorf("%s: %d %q, want %d %q", name, w.Code, w.Header().Get("WWW-Authenticate"), test.status, test.challenge)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the client reads %s", name, w.Body)
		}
	}
}

func TestAContextWithoutAPersonHasNone(t *testing.T) {
	t.Parallel()
	if person, ok := auth.UserFrom(t.Context()); ok {
		t.Errorf("it has %q", person)
	}
	if person, ok := auth.UserFrom(auth.WithUser(t.Context(), auth.User{})); ok {
		t.Errorf("with nobody it has %q", person)
	}
}

func TestIdentityHeadersAreRefused(t *testing.T) {
	t.Parallel()
	handler := auth.RejectIdentityHeaders(plainly)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
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

func TestAForeignPageCannotWrite(t *testing.T) {
	t.Parallel()
	protect, err := auth.RejectCrossOrigin(plainly, "https://console.example.com")
	if err != nil {
		t.Fatal(err)
	}
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for name, test := range map[string]struct {
		method string
		header http.Header
		want   int
	}{
		"a foreign page writes":         {http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"a page of a sibling host":      {http.MethodDelete, http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"an old browser's foreign page": {http.MethodPut, http.Header{"Origin": {"https://evil.example"}}, 403},
		"a sandboxed page":              {http.MethodPost, http.Header{"Origin": {"null"}}, 403},
		"a foreign page reads":          {http.MethodGet, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200},
		"our own page":                  {http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		"an old browser's own page":     {http.MethodPost, http.Header{"Origin": {"https://nufi.test"}}, 200},
		"a trusted page":                {http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://console.example.com"}}, 200},
		"curl":                          {http.MethodPatch, nil, 200},
		"a session out of nowhere":      {http.MethodPost, http.Header{"Cookie": {"__Host-nufi-session=a"}}, 403},
		"a session that reads":          {http.MethodGet, http.Header{"Cookie": {"__Host-nufi-session=a"}}, 200},
		"a session of our own page's":   {http.MethodPost, http.Header{"Cookie": {"__Host-nufi-session=a"}, "Origin": {"https://nufi.test"}}, 200},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, "https://nufi.test/api/v1/projects", nil)
		r.Header = test.header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d, want %d", name, w.Code, test.want)
		}
	}
	if _, err := auth.RejectCrossOrigin(plainly, "https://a.example/path"); err == nil {
		t.Error("a URL with a path is taken for an origin")
	}
}

func TestDevelopmentIsForOneMachine(t *testing.T) {
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
	dev := auth.NewDev(someone(t, "dev"))
	for host, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost": true, "[::1]:80": true, "[::1]": true,
		"rebound.example.com:8080": false, "10.0.0.1": false, "": false,
	} {
		r := bearing(t, "abc")
		r.Host = host
		if _, err := dev.Authenticate(r); (err == nil) != want {
			t.Errorf("a request for %q: %v", host, err)
		}
	}
	if _, err := auth.NewDev(auth.User{}).Authenticate(bearing(t, "abc")); err == nil {
		t.Error("nobody is let in")
	}
}
