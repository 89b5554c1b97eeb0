package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness/oidctest"
)

const callback = "https://nufi.test/login/callback"

// loginFlow is a provider, a Login and a browser.
type loginFlow struct {
	provider *oidctest.Issuer
	key      oidctest.Key
	login    *auth.Login
	sessions *auth.Sessions
	now      time.Time
	cookies  map[string]*http.Cookie
	log      logBuffer

	query  url.Values     // of the authorization request
	claims map[string]any // changes to the claims of the ID token
	token  func(w http.ResponseWriter)
}

func newLoginFlow(t *testing.T) *loginFlow {
	t.Helper()
	return newLoginFlowOf(t, "client-secret", nil)
}

func newLoginFlowOf(t *testing.T, secret string, clientMethods []string) *loginFlow {
	t.Helper()
	key := oidctest.NewKey(t, "one", jose.ES256)
	d := &loginFlow{key: key, now: now, cookies: map[string]*http.Cookie{}}
	d.provider = oidctest.New(t, now, key)
	d.provider.ClientMethods = clientMethods
	d.provider.Tokens = func(w http.ResponseWriter, r *http.Request) { d.exchange(t, w, r) }
	d.sessions = newSessions(t, newKeyFile(t, newKey(t)).keys(t), func() time.Time { return d.now })
	var err error
	d.login, err = auth.NewLogin(newOIDC(t, optionsOf(d.provider)), d.sessions, auth.LoginOptions{
		ClientSecret: secret, RedirectURL: callback, Scopes: []string{"openid", "groups"}, Fail: writeText,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exchange is the token endpoint of the provider.
func (d *loginFlow) exchange(t *testing.T, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	if d.token != nil {
		d.token(w)
		return
	}
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	_, secret, _ := r.BasicAuth()
	if r.PostFormValue("code") != "the-code" || r.PostFormValue("redirect_uri") != callback || secret != "client-secret" ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != d.query.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		oidctest.Answer(w, map[string]string{"error": "invalid_grant", "error_description": "secret-description"})
		return
	}
	claims := d.provider.Claims(map[string]any{"nonce": d.query.Get("nonce")})
	maps.Copy(claims, d.claims)
	oidctest.Answer(w, map[string]any{"access_token": "secret-access", "token_type": "Bearer", "id_token": d.key.Sign(t, claims)})
}

// visit sends a request of the browser, with its cookies.
func (d *loginFlow) visit(t *testing.T, handler http.HandlerFunc, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for _, cookie := range d.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	w := httptest.NewRecorder()
	handler(w, r.WithContext(logr.NewContext(r.Context(), d.log.logger())))
	for _, cookie := range w.Result().Cookies() {
		d.cookies[cookie.Name] = cookie
		if cookie.MaxAge < 0 {
			delete(d.cookies, cookie.Name)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s is cacheable", target)
	}
	return w
}

// start redirects the browser to the provider.
func (d *loginFlow) start(t *testing.T, returnPath string) {
	t.Helper()
	w := d.visit(t, d.login.Start, "https://nufi.test/login?return="+url.QueryEscape(returnPath))
	at, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusFound || !strings.HasPrefix(at.String(), d.provider.URL+"/authorize?") {
		t.Fatalf("login redirects to %d %q: %v", w.Code, at, err)
	}
	d.query = at.Query()
}

// finish redirects the browser back, with changes to the query.
func (d *loginFlow) finish(t *testing.T, changes map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	query := url.Values{"code": {"the-code"}, "state": {d.query.Get("state")}}
	for name, value := range changes {
		query.Set(name, value)
	}
	return d.visit(t, d.login.Callback, callback+"?"+query.Encode())
}

func (d *loginFlow) currentUser(t *testing.T) (auth.User, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://nufi.test/", nil)
	for _, cookie := range d.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	return d.sessions.Authenticate(r)
}

func TestBrowserLoginAndLogout(t *testing.T) {
	t.Parallel()
	d := newLoginFlow(t)
	d.start(t, "/projects/a?tab=devices")
	for name, want := range map[string]string{
		"response_type": "code", "client_id": oidctest.Audience, "redirect_uri": callback, "scope": "openid groups", "code_challenge_method": "S256",
	} {
		if got := d.query.Get(name); got != want {
			t.Errorf("the provider is queried with %s=%q, want %q", name, got, want)
		}
	}
	w := d.finish(t, map[string]string{"iss": d.provider.URL})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/projects/a?tab=devices" {
		t.Fatalf("the response is %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if user, err := d.currentUser(t); err != nil || user.Name() != "oidc:ann" || !slices.Equal(user.Groups(), []string{"oidc:research"}) {
		t.Errorf("the session is of %s in %s: %v", user, user.Groups(), err)
	}
	if len(d.cookies) != 1 {
		t.Errorf("the cookies are %v", d.cookies)
	}
	if d.visit(t, d.login.Logout, "https://nufi.test/auth/logout"); len(d.cookies) != 0 {
		t.Errorf("after logout, the cookies are %v", d.cookies)
	}
	for _, line := range []string{`"msg"="Logged in" "user"="oidc:ann" "groups"=["oidc:research"] "client"=`, `"msg"="Logged out" "user"="oidc:ann" "client"=`} {
		if strings.Count(d.log.String(), line) != 1 {
			t.Errorf("the log has not one %s: %s", line, &d.log)
		}
	}
}

func TestLogoutOfAFormIsARedirectToAPage(t *testing.T) {
	t.Parallel()
	d := newLoginFlow(t)
	post := func(accept string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/logout", nil)
		r.Header.Set("Accept", accept)
		d.login.Logout(w, r)
		return w
	}
	if got := post("application/json"); got.Code != http.StatusNoContent || got.Header().Get("Set-Cookie") == "" {
		t.Errorf("a script gets %d, %v", got.Code, got.Header())
	}
	got := post("text/html,application/xhtml+xml")
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/logout" || got.Header().Get("Set-Cookie") == "" {
		t.Errorf("a form gets %d, %v", got.Code, got.Header())
	}
}

func TestInvalidCallbackCreatesNoSession(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(d *loginFlow)
		query  map[string]string
		status int
	}{
		"another state":              {nil, map[string]string{"state": "another"}, 400},
		"no state":                   {nil, map[string]string{"state": ""}, 400},
		"another provider":           {nil, map[string]string{"iss": "https://evil.example"}, 400},
		"no login was started":       {func(d *loginFlow) { clear(d.cookies) }, nil, 400},
		"an expired login":           {func(d *loginFlow) { d.now = now.Add(10 * time.Minute) }, nil, 400},
		"a session as a login":       {func(d *loginFlow) { d.swapCookies() }, nil, 400},
		"the provider denied access": {nil, map[string]string{"code": "", "error": "access_denied"}, 401},
		"another code":               {nil, map[string]string{"code": "another"}, 401},
		"a stolen code":              {func(d *loginFlow) { d.query.Set("code_challenge", "the-thief's") }, nil, 401},
		"another nonce":              {func(d *loginFlow) { d.claims = map[string]any{"nonce": "another"} }, nil, 401},
		"no nonce":                   {func(d *loginFlow) { d.claims = map[string]any{"nonce": ""} }, nil, 401},
		"another audience":           {func(d *loginFlow) { d.claims = map[string]any{"aud": "another"} }, nil, 401},
		"an expired token":           {func(d *loginFlow) { d.claims = map[string]any{"exp": 1} }, nil, 401},
		"a token of another issuer":  {func(d *loginFlow) { d.claims = map[string]any{"iss": "https://evil.example"} }, nil, 401},
		"another signature":          {func(d *loginFlow) { d.key.Private = oidctest.NewKey(t, "two", jose.ES256).Private }, nil, 401},
		"a name with a line break":   {func(d *loginFlow) { d.claims = map[string]any{"name": "a\nb"} }, nil, 401},
		"no ID token": {func(d *loginFlow) {
			d.token = func(w http.ResponseWriter) {
				oidctest.Answer(w, map[string]string{"access_token": "secret-access", "token_type": "Bearer"})
			}
		}, nil, 401},
		"a failing provider": {func(d *loginFlow) {
			d.token = func(w http.ResponseWriter) { http.Error(w, "secret-trouble", http.StatusInternalServerError) }
		}, nil, 503},
		"too many groups": {func(d *loginFlow) { d.claims = map[string]any{"groups": tooManyGroups()[:512]} }, nil, 403},
	} {
		d := newLoginFlow(t)
		d.start(t, "/")
		if test.change != nil {
			test.change(d)
		}
		w := d.finish(t, test.query)
		if w.Code != test.status || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the response is %d, want %d: %s", name, w.Code, test.status, w.Body)
		}
		if user, err := d.currentUser(t); err == nil {
			t.Errorf("%s: the browser is logged in as %s", name, user)
		}
	}
}

// swapCookies presents the login cookie as a session.
func (d *loginFlow) swapCookies() {
	var login *http.Cookie
	for _, cookie := range d.cookies {
		login = cookie
	}
	d.cookies = map[string]*http.Cookie{"a": {Name: "__Host-nufi-session", Value: login.Value}}
}

func TestCallbackIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	d := newLoginFlow(t)
	d.start(t, "/")
	if w := d.finish(t, nil); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code, w.Body)
	}
	if w := d.finish(t, nil); w.Code != http.StatusBadRequest {
		t.Errorf("the second response is %d", w.Code)
	}
}

func TestTwoTabsLogInIndependently(t *testing.T) {
	t.Parallel()
	d := newLoginFlow(t)
	d.start(t, "/first")
	first := d.query
	d.start(t, "/second")
	second := d.query
	for _, tab := range []struct {
		query url.Values
		want  string
	}{{first, "/first"}, {second, "/second"}} {
		d.query = tab.query
		if w := d.finish(t, nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != tab.want {
			t.Errorf("the tab is at %d %q, want %s: %s", w.Code, w.Header().Get("Location"), tab.want, w.Body)
		}
	}
	if len(d.cookies) != 1 {
		t.Errorf("the cookies are %v", d.cookies)
	}
}

// Without a bound, the headers of a browser that starts many logins would exceed the server's limit.
func TestStartedLoginsAreBounded(t *testing.T) {
	t.Parallel()
	d := newLoginFlow(t)
	for i := range 20 {
		d.now = now.Add(time.Duration(i) * time.Second)
		d.start(t, "/")
	}
	if len(d.cookies) != 5 {
		t.Errorf("%d cookies, want 5", len(d.cookies))
	}
	if w := d.finish(t, nil); w.Code != http.StatusSeeOther {
		t.Errorf("the newest login is answered %d: %s", w.Code, w.Body)
	}
}

func TestUserInfoCompletesTheIDToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claims map[string]any // of the ID token
		info   map[string]any
		user   string // empty: rejected
		status int
	}{
		"email in the user info":  {map[string]any{}, map[string]any{"sub": "1234", "email": "ann@example.com", "email_verified": true}, "oidc:ann@example.com", 303},
		"email in the ID token":   {map[string]any{"email": "bob@example.com"}, map[string]any{"sub": "1234", "email": "ann@example.com"}, "oidc:bob@example.com", 303},
		"an unverified email":     {map[string]any{}, map[string]any{"sub": "1234", "email": "ann@example.com", "email_verified": false}, "", 401},
		"info of another subject": {map[string]any{}, map[string]any{"sub": "5678", "email": "ann@example.com"}, "", 401},
		"info without a subject":  {map[string]any{}, map[string]any{"SUB": "1234", "email": "ann@example.com"}, "", 401},
		"no email":                {map[string]any{}, map[string]any{"sub": "1234"}, "", 401},
		"an outage":               {map[string]any{}, nil, "", 503},
	} {
		d := newLoginFlow(t)
		options := optionsOf(d.provider)
		options.UsernameClaim = "email"
		var err error
		d.login, err = auth.NewLogin(newOIDC(t, options), d.sessions, auth.LoginOptions{ClientSecret: "client-secret", RedirectURL: callback, Fail: writeText})
		if err != nil {
			t.Fatal(err)
		}
		d.claims = test.claims
		d.provider.UserInfo = func(w http.ResponseWriter, r *http.Request) {
			if test.info == nil || r.Header.Get("Authorization") != "Bearer secret-access" {
				http.Error(w, "secret-trouble", http.StatusInternalServerError)
				return
			}
			oidctest.Answer(w, test.info)
		}
		d.start(t, "/")
		w := d.finish(t, nil)
		if w.Code != test.status || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the response is %d, want %d: %s", name, w.Code, test.status, w.Body)
		}
		if user, _ := d.currentUser(t); user.Name() != test.user {
			t.Errorf("%s: the user is %q, want %q", name, user.Name(), test.user)
		}
	}
}

func TestACodeIsSentInTheWayOfTheProvider(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		secret    string
		supported []string
		want      string // the ways in which two logins send their codes to a client that is registered with post
	}{
		"the provider does not say":   {"secret", nil, "basic, post, post"},
		"it supports both":            {"secret", []string{"client_secret_basic", "client_secret_post"}, "basic, post, post"},
		"it supports post":            {"secret", []string{"client_secret_post", "private_key_jwt"}, "post, post"},
		"it supports basic":           {"secret", []string{"client_secret_basic"}, "basic, basic"},
		"the client has no secret":    {"", []string{"client_secret_basic", "none"}, "post, post"},
		"the provider has other ways": {"secret", []string{"private_key_jwt"}, "basic, post, post"},
	} {
		d := newLoginFlowOf(t, test.secret, test.supported)
		var ways []string
		answer := d.provider.Tokens
		d.provider.Tokens = func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); ok {
				ways = append(ways, "basic")
				w.WriteHeader(http.StatusUnauthorized)
				oidctest.Answer(w, map[string]string{"error": "invalid_client"})
				return
			}
			ways = append(ways, "post")
			r.SetBasicAuth("", "client-secret") // as exchange expects it
			answer(w, r)
		}
		for range 2 {
			d.start(t, "/")
			d.finish(t, nil)
		}
		if got := strings.Join(ways, ", "); got != test.want {
			t.Errorf("%s: the codes were sent by %s, want %s", name, got, test.want)
		}
	}
}

func TestLoginBeforeDiscoveryIsUnavailable(t *testing.T) {
	t.Parallel()
	provider := oidctest.New(t, now, oidctest.NewKey(t, "one", jose.ES256))
	provider.Down(true)
	authenticator, err := auth.NewOIDC(t.Context(), optionsOf(provider))
	if err != nil {
		t.Fatal(err)
	}
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)
	login, err := auth.NewLogin(authenticator, sessions, auth.LoginOptions{RedirectURL: callback, Fail: writeText})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	login.Start(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("the response is %d %v", w.Code, w.Header())
	}
}

func TestLoginReturnsToThisHostOnly(t *testing.T) {
	t.Parallel()
	d := newLoginFlow(t)
	for path, want := range map[string]bool{
		"": true, "/": true, "/projects": true, "/a?b=c#d": true, "/a//b": true, "/%2F%2Fevil.example": true, "/@evil.example": true,
		"//evil.example": false, "///evil.example": false, `/\evil.example`: false, `\\evil.example`: false, `/a\b`: false,
		"https://evil.example": false, "javascript:alert(1)": false, "evil.example": false, "projects": false,
		"/\t/evil.example": false, "/\n/evil.example": false, " //evil.example": false, "\t//evil.example": false,
		"/a\r\nSet-Cookie: a=b": false, "http:/evil.example": false, "/" + strings.Repeat("a", 2000): false, "/%zz": false,
	} {
		w := d.visit(t, d.login.Start, "https://nufi.test/login?return="+url.QueryEscape(path))
		if got := w.Code == http.StatusFound; got != want {
			t.Errorf("%.40q: the response is %d", path, w.Code)
		}
		if location := w.Header().Get("Location"); location != "" && !strings.HasPrefix(location, d.provider.URL) {
			t.Errorf("%q: the browser is redirected to %q", path, location)
		}
	}
}

func TestLoginRequiresHTTPSRedirectURL(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"", "http://nufi.example.com/login/callback", "/login/callback", "https:///a", "%"} {
		if _, err := auth.NewLogin(&auth.OIDC{}, &auth.Sessions{}, auth.LoginOptions{RedirectURL: at, Fail: writeText}); err == nil {
			t.Errorf("%q was accepted", at)
		}
	}
}

func FuzzReturnPathStaysOnThisHost(f *testing.F) {
	for _, path := range []string{"/", "//evil.example", `/\evil.example`, "/a?b#c", "https://evil.example", "/\t/evil"} {
		f.Add(path)
	}
	base, err := url.Parse("https://nufi.test/login/callback")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		resolved, err := auth.LocalPath(path)
		if err != nil {
			return
		}
		at, err := base.Parse(resolved)
		if err != nil || at.Host != base.Host || at.Scheme != base.Scheme || len(resolved) > 1 && strings.ContainsAny(resolved[1:2], `/\`) {
			t.Errorf("%q resolves to %v: %v", path, at, err)
		}
	})
}
