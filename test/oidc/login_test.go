package oidc_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/dudaji/nufi/apiserver/auth"
)

const (
	client = "nufi"
	secret = "nufi-secret"
)

// site is a provider and an API server that believes it, and a browser.
type site struct {
	provider, server *httptest.Server
	browser          *http.Client
}

// newSite serves what a server does: login, logout and who one is, behind the guards.
func newSite(t *testing.T, confidential bool) *site {
	t.Helper()
	s := &site{server: httptest.NewUnstartedServer(nil)}
	t.Cleanup(s.server.Close)
	callback := "https://" + s.server.Listener.Addr().String() + "/auth/callback"
	clientSecret := ""
	if confidential {
		clientSecret = secret
		storage.RegisterClients(storage.WebClient(client, secret, callback))
	} else {
		storage.RegisterClients(storage.NativeClient(client, callback))
	}
	s.provider = newProvider(t)
	s.server.Config.Handler = s.handler(t, clientSecret, callback)
	s.server.StartTLS()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.browser = s.server.Client()
	s.browser.Jar = jar
	return s
}

func newProvider(t *testing.T) *httptest.Server {
	t.Helper()
	provider := httptest.NewUnstartedServer(nil)
	t.Cleanup(provider.Close)
	issuer := "http://" + provider.Listener.Addr().String()
	store := storage.NewStorage(storage.NewUserStore(issuer))
	provider.Config.Handler = exampleop.SetupServer(issuer, store, nil, false)
	provider.Start()
	return provider
}

func (s *site) handler(t *testing.T, clientSecret, callback string) http.Handler {
	t.Helper()
	fail := func(w http.ResponseWriter, _ *http.Request, status int, detail string) { http.Error(w, detail, status) }
	provider, err := auth.NewOIDC(t.Context(), auth.OIDCOptions{
		Issuer: s.provider.URL, Audiences: []string{client}, UsernamePrefix: "oidc:", GroupsPrefix: "oidc:",
	})
	check(t, err)
	sessions, err := auth.NewSessions(newKeys(t), time.Hour, nil)
	check(t, err)
	login, err := auth.NewLogin(provider, sessions, auth.LoginOptions{ClientSecret: clientSecret, RedirectURL: callback, Fail: fail})
	check(t, err)
	protect, err := auth.RejectCrossOrigin(fail)
	check(t, err)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/login", login.Start)
	mux.HandleFunc("GET /auth/callback", login.Callback)
	mux.HandleFunc("POST /auth/logout", login.Logout)
	mux.Handle("/me", auth.Middleware(auth.Chain(provider, sessions), fail)(http.HandlerFunc(me)))
	s.await(t, provider)
	return auth.RejectIdentityHeaders(fail)(protect(mux))
}

func me(w http.ResponseWriter, r *http.Request) {
	user, _ := auth.UserFrom(r.Context())
	_, _ = io.WriteString(w, user.Name())
}

func newKeys(t *testing.T) *auth.Keys {
	t.Helper()
	key := make([]byte, 32)
	_, err := rand.Read(key)
	check(t, err)
	path := filepath.Join(t.TempDir(), "keys")
	check(t, os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key)), 0o600))
	keys, err := auth.NewKeys(path)
	check(t, err)
	return keys
}

// await waits for discovery, which is tried again and again.
func (s *site) await(t *testing.T, provider *auth.OIDC) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for provider.Ready() != nil {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(provider.Ready())
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do makes a request and returns its answer, the last one of a chain of redirects.
func (s *site) do(t *testing.T, method, at string, form url.Values, header http.Header) (int, string, *url.URL) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form.Encode()))
	check(t, err)
	if header != nil {
		r.Header = header
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := s.browser.Do(r)
	check(t, err)
	defer answer.Body.Close() //nolint:errcheck // It was read.
	body, err := io.ReadAll(answer.Body)
	check(t, err)
	return answer.StatusCode, string(body), answer.Request.URL
}

// logIn logs in with the provider's form.
func (s *site) logIn(t *testing.T) (int, string) {
	t.Helper()
	status, _, form := s.do(t, http.MethodGet, s.server.URL+"/auth/login?return=/me", nil, nil)
	if status != http.StatusOK || form.Path != "/login/username" {
		t.Fatalf("the browser is at %s with %d", form, status)
	}
	status, body, at := s.do(t, http.MethodPost, form.String(), url.Values{
		"username": {"test-user@127.0.0.1"}, "password": {"verysecure"}, "id": {form.Query().Get("authRequestID")},
	}, nil)
	if at.Host != strings.TrimPrefix(s.server.URL, "https://") || at.Path != "/me" {
		t.Fatalf("the browser is at %s with %d: %s", at, status, body)
	}
	return status, body
}

// The provider's clients are the process's: one test at a time.
func TestBrowserLoginWithPKCE(t *testing.T) {
	for name, confidential := range map[string]bool{"with a secret": true, "as a public client": false} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, confidential)
			me := s.server.URL + "/me"
			if status, _, _ := s.do(t, http.MethodGet, me, nil, nil); status != http.StatusUnauthorized {
				t.Fatalf("before logging in the answer is %d", status)
			}
			if status, name := s.logIn(t); status != http.StatusOK || name != "oidc:id1" {
				t.Fatalf("the answer is %d %q", status, name)
			}
			crossSite := http.Header{"Sec-Fetch-Site": {"cross-site"}}
			if status, _, _ := s.do(t, http.MethodPost, me, nil, crossSite); status != http.StatusForbidden {
				t.Errorf("a write from another origin is answered %d", status)
			}
			if status, _, _ := s.do(t, http.MethodPost, s.server.URL+"/auth/logout", nil, crossSite.Clone()); status != http.StatusForbidden {
				t.Errorf("logout from another origin is answered %d", status)
			}
			impersonating := http.Header{"Impersonate-User": {"oidc:id2"}}
			if status, _, _ := s.do(t, http.MethodGet, me, nil, impersonating); status != http.StatusBadRequest {
				t.Errorf("an identity header is answered %d", status)
			}
			if status, _, _ := s.do(t, http.MethodPost, s.server.URL+"/auth/logout", nil, nil); status != http.StatusForbidden {
				t.Errorf("logout without an origin is answered %d", status)
			}
			own := http.Header{"Sec-Fetch-Site": {"same-origin"}}
			if status, _, _ := s.do(t, http.MethodPost, s.server.URL+"/auth/logout", nil, own); status != http.StatusNoContent {
				t.Errorf("logging out is answered %d", status)
			}
			if status, _, _ := s.do(t, http.MethodGet, me, nil, nil); status != http.StatusUnauthorized {
				t.Errorf("after logging out the answer is %d", status)
			}
		})
	}
}

func TestIDTokenIsAccepted(t *testing.T) {
	s := newSite(t, true)
	token := s.idToken(t)
	status, name, _ := s.do(t, http.MethodGet, s.server.URL+"/me", nil, http.Header{"Authorization": {"Bearer " + token}})
	if status != http.StatusOK || name != "oidc:id1" {
		t.Errorf("the answer is %d %q", status, name)
	}
	truncated := token[:len(token)-4]
	status, _, _ = s.do(t, http.MethodGet, s.server.URL+"/me", nil, http.Header{"Authorization": {"Bearer " + truncated}})
	if status != http.StatusUnauthorized {
		t.Errorf("with the signature truncated the answer is %d", status)
	}
}

// idToken walks the code flow by hand, and redeems the code at the provider's.
func (s *site) idToken(t *testing.T) string {
	t.Helper()
	callback := s.server.URL + "/auth/callback"
	query := url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"a"}}
	_, _, form := s.do(t, http.MethodGet, s.provider.URL+"/auth?"+query.Encode(), nil, nil)
	// The callback was begun elsewhere and refuses; the code is in its address.
	status, _, at := s.do(t, http.MethodPost, form.String(), url.Values{
		"username": {"test-user@127.0.0.1"}, "password": {"verysecure"}, "id": {form.Query().Get("authRequestID")},
	}, nil)
	if status != http.StatusBadRequest || at.Query().Get("code") == "" {
		t.Fatalf("a login that was begun elsewhere is answered %d at %s", status, at)
	}
	_, body, _ := s.do(t, http.MethodPost, s.provider.URL+"/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {client}, "client_secret": {secret},
	}, nil)
	var tokens struct {
		ID string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(body), &tokens); err != nil || tokens.ID == "" {
		t.Fatalf("the provider gives no token: %s %v", body, err)
	}
	return tokens.ID
}
