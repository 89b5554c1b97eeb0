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

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/issuer"
)

const callback = "https://nufi.test/auth/callback"

// desk is a provider, this server's login, and the browser of one person.
type desk struct {
	provider *issuer.Issuer
	key      issuer.Key
	login    *auth.Login
	sessions *auth.Sessions
	at       time.Time
	cookies  map[string]*http.Cookie

	asked  url.Values     // what the browser brought to the provider
	claims map[string]any // what the provider changes in the token
	token  func(w http.ResponseWriter)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	key := issuer.NewKey(t, "one", jose.ES256)
	d := &desk{key: key, at: now, cookies: map[string]*http.Cookie{}}
	d.provider = issuer.New(t, now, key)
	d.provider.Tokens = func(w http.ResponseWriter, r *http.Request) { d.exchange(t, w, r) }
	d.sessions = newSessions(t, newKeyFile(t, newKey(t)).keys(t), func() time.Time { return d.at })
	var err error
	d.login, err = auth.NewLogin(open(t, optionsOf(d.provider)), d.sessions, auth.LoginOptions{
		ClientSecret: "client-secret", RedirectURL: callback, Scopes: []string{"openid", "groups"}, Fail: plainly,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exchange is the provider's token endpoint: it gives a token for the code of the one who
// began.
func (d *desk) exchange(t *testing.T, w http.ResponseWriter, r *http.Request) {
	t.Helper()
	if d.token != nil {
		d.token(w)
		return
	}
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	_, secret, _ := r.BasicAuth()
	if r.PostFormValue("code") != "the-code" || r.PostFormValue("redirect_uri") != callback || secret != "client-secret" ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != d.asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		issuer.Answer(w, map[string]string{"error": "invalid_grant", "error_description": "secret-description"})
		return
	}
	claims := d.provider.Claims(map[string]any{"nonce": d.asked.Get("nonce")})
	maps.Copy(claims, d.claims)
	issuer.Answer(w, map[string]any{"access_token": "secret-access", "token_type": "Bearer", "id_token": d.key.Sign(t, claims)})
}

// visit is one request of the browser's, with its cookies.
func (d *desk) visit(t *testing.T, handler http.HandlerFunc, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for _, cookie := range d.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	w := httptest.NewRecorder()
	handler(w, r)
	for _, cookie := range w.Result().Cookies() {
		d.cookies[cookie.Name] = cookie
		if cookie.MaxAge < 0 {
			delete(d.cookies, cookie.Name)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be kept", target)
	}
	return w
}

// begin sends the browser to the provider.
func (d *desk) begin(t *testing.T, back string) {
	t.Helper()
	w := d.visit(t, d.login.Start, "https://nufi.test/auth/login?return="+url.QueryEscape(back))
	at, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusFound || !strings.HasPrefix(at.String(), d.provider.URL+"/authorize?") {
		t.Fatalf("login leads to %d %q: %v", w.Code, at, err)
	}
	d.asked = at.Query()
}

// come brings the browser back with what the provider says, and changes to that.
func (d *desk) come(t *testing.T, changes map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	query := url.Values{"code": {"the-code"}, "state": {d.asked.Get("state")}}
	for name, value := range changes {
		query.Set(name, value)
	}
	return d.visit(t, d.login.Callback, callback+"?"+query.Encode())
}

func (d *desk) person(t *testing.T) (auth.User, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://nufi.test/", nil)
	for _, cookie := range d.cookies {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	return d.sessions.Authenticate(r)
}

func TestABrowserLogsInAndOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.begin(t, "/projects/a?tab=devices")
	for name, want := range map[string]string{
		"response_type": "code", "client_id": issuer.Audience, "redirect_uri": callback, "scope": "openid groups", "code_challenge_method": "S256",
	} {
		if got := d.asked.Get(name); got != want {
			t.Errorf("the provider is asked with %s=%q, want %q", name, got, want)
		}
	}
	w := d.come(t, map[string]string{"iss": d.provider.URL})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/projects/a?tab=devices" {
		t.Fatalf("the answer is %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if person, err := d.person(t); err != nil || person.Name() != "oidc:ann" || !slices.Equal(person.Groups(), []string{"oidc:research"}) {
		t.Errorf("the session is of %s in %s: %v", person, person.Groups(), err)
	}
	if len(d.cookies) != 1 {
		t.Errorf("the browser keeps %v", d.cookies)
	}
	if d.visit(t, d.login.Logout, "https://nufi.test/auth/logout"); len(d.cookies) != 0 {
		t.Errorf("after logging out it keeps %v", d.cookies)
	}
}

func TestAnAnswerToAnotherLoginMakesNoSession(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(d *desk)
		query  map[string]string
		status int
	}{
		"another state":             {nil, map[string]string{"state": "another"}, 400},
		"no state":                  {nil, map[string]string{"state": ""}, 400},
		"another provider":          {nil, map[string]string{"iss": "https://evil.example"}, 400},
		"no login was begun":        {func(d *desk) { clear(d.cookies) }, nil, 400},
		"a login begun long ago":    {func(d *desk) { d.at = now.Add(10 * time.Minute) }, nil, 400},
		"a session for a login":     {func(d *desk) { d.swap() }, nil, 400},
		"the provider refused":      {nil, map[string]string{"code": "", "error": "access_denied"}, 401},
		"another code":              {nil, map[string]string{"code": "another"}, 401},
		"a code that was stolen":    {func(d *desk) { d.asked.Set("code_challenge", "the-thief's") }, nil, 401},
		"another nonce":             {func(d *desk) { d.claims = map[string]any{"nonce": "another"} }, nil, 401},
		"no nonce":                  {func(d *desk) { d.claims = map[string]any{"nonce": ""} }, nil, 401},
		"another audience":          {func(d *desk) { d.claims = map[string]any{"aud": "another"} }, nil, 401},
		"a token that has expired":  {func(d *desk) { d.claims = map[string]any{"exp": 1} }, nil, 401},
		"a token of another issuer": {func(d *desk) { d.claims = map[string]any{"iss": "https://evil.example"} }, nil, 401},
		"another's signature":       {func(d *desk) { d.key.Private = issuer.NewKey(t, "two", jose.ES256).Private }, nil, 401},
		"a name with a line break":  {func(d *desk) { d.claims = map[string]any{"name": "a\nb"} }, nil, 401},
		"no ID token": {func(d *desk) {
			d.token = func(w http.ResponseWriter) {
				issuer.Answer(w, map[string]string{"access_token": "secret-access", "token_type": "Bearer"})
			}
		}, nil, 401},
		"a provider in trouble": {func(d *desk) {
			d.token = func(w http.ResponseWriter) { http.Error(w, "secret-trouble", http.StatusInternalServerError) }
		}, nil, 503},
		"more groups than fit": {func(d *desk) { d.claims = map[string]any{"groups": tooManyGroups()[:512]} }, nil, 403},
	} {
		d := newDesk(t)
		d.begin(t, "/")
		if test.change != nil {
			test.change(d)
		}
		w := d.come(t, test.query)
		if w.Code != test.status || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the answer is %d, want %d: %s", name, w.Code, test.status, w.Body)
		}
		if person, err := d.person(t); err == nil {
			t.Errorf("%s: the browser is %s", name, person)
		}
	}
}

// swap presents the login's cookie as a session and the other way round.
func (d *desk) swap() {
	login := d.cookies["__Host-nufi-login"]
	d.cookies = map[string]*http.Cookie{"a": {Name: "__Host-nufi-session", Value: login.Value}}
}

func TestAnAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.begin(t, "/")
	if w := d.come(t, nil); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code, w.Body)
	}
	if w := d.come(t, nil); w.Code != http.StatusBadRequest {
		t.Errorf("the second time it is answered %d", w.Code)
	}
}

func TestLoginWaitsForItsProvider(t *testing.T) {
	t.Parallel()
	provider := issuer.New(t, now, issuer.NewKey(t, "one", jose.ES256))
	provider.Down(true)
	opened, err := auth.NewOIDC(t.Context(), optionsOf(provider))
	if err != nil {
		t.Fatal(err)
	}
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)
	login, err := auth.NewLogin(opened, sessions, auth.LoginOptions{RedirectURL: callback, Fail: plainly})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	login.Start(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/auth/login", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("it answers %d %v", w.Code, w.Header())
	}
}

func TestLoginReturnsToThisHostAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for path, want := range map[string]bool{
		"": true, "/": true, "/projects": true, "/a?b=c#d": true, "/a//b": true, "/%2F%2Fevil.example": true, "/@evil.example": true,
		"//evil.example": false, "///evil.example": false, `/\evil.example`: false, `\\evil.example`: false, `/a\b`: false,
		"https://evil.example": false, "javascript:alert(1)": false, "evil.example": false, "projects": false,
		"/\t/evil.example": false, "/\n/evil.example": false, " //evil.example": false, "\t//evil.example": false,
		"/a\r\nSet-Cookie: a=b": false, "http:/evil.example": false, "/" + strings.Repeat("a", 2000): false, "/%zz": false,
	} {
		w := d.visit(t, d.login.Start, "https://nufi.test/auth/login?return="+url.QueryEscape(path))
		if got := w.Code == http.StatusFound; got != want {
			t.Errorf("%.40q: the answer is %d", path, w.Code)
		}
		if location := w.Header().Get("Location"); location != "" && !strings.HasPrefix(location, d.provider.URL) {
			t.Errorf("%q: the browser is sent to %q", path, location)
		}
	}
}

func TestLoginNeedsItsOwnAddress(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"", "http://nufi.example.com/auth/callback", "/auth/callback", "https:///a", "%"} {
		if _, err := auth.NewLogin(&auth.OIDC{}, &auth.Sessions{}, auth.LoginOptions{RedirectURL: at, Fail: plainly}); err == nil {
			t.Errorf("%q is taken", at)
		}
	}
}

func FuzzAReturnPathStaysOnThisHost(f *testing.F) {
	for _, path := range []string{"/", "//evil.example", `/\evil.example`, "/a?b#c", "https://evil.example", "/\t/evil"} {
		f.Add(path)
	}
	here, err := url.Parse("https://nufi.test/auth/callback")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		back, err := auth.LocalPath(path)
		if err != nil {
			return
		}
		at, err := here.Parse(back)
		if err != nil || at.Host != here.Host || at.Scheme != here.Scheme || len(back) > 1 && strings.ContainsAny(back[1:2], `/\`) {
			t.Errorf("%q leads to %v: %v", path, at, err)
		}
	})
}
