package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-logr/logr"
	"golang.org/x/oauth2"
)

// loginTimeout bounds how long a user may stay at the provider.
const loginTimeout = 10 * time.Minute

// LoginOptions configure the server as a client of the provider.
type LoginOptions struct {
	ClientSecret string   // empty for a public client; PKCE is always used
	RedirectURL  string   // the URL of Callback, as browsers see it: https://host/path
	Scopes       []string // besides "openid"
	Fail         ErrorWriter
}

// Login serves browser logins: the authorization code flow of OpenID Connect with PKCE.
// State, nonce and verifier are in a sealed cookie of ten minutes, so that only the browser
// that requested a code can redeem it.
type Login struct {
	oidc     *OIDC
	sessions *Sessions
	options  LoginOptions

	once   sync.Once
	client *oauth2.Config // a Config remembers how the provider takes the secret (x/oauth2 v0.36)
}

// NewLogin returns the handlers. The provider's client is the first of its audiences.
func NewLogin(provider *OIDC, sessions *Sessions, options LoginOptions) (*Login, error) {
	redirect, err := url.Parse(options.RedirectURL)
	if err != nil {
		return nil, fmt.Errorf("redirect URL: %w", err)
	}
	if redirect.Scheme != "https" && !isLoopback(redirect.Hostname()) || redirect.Host == "" {
		return nil, fmt.Errorf("redirect URL: %q is not an https URL", options.RedirectURL)
	}
	if options.Fail == nil {
		return nil, errors.New("the error writer is missing")
	}
	options.Scopes = append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(options.Scopes), isOpenID)...)
	return &Login{oidc: provider, sessions: sessions, options: options}, nil
}

func isOpenID(scope string) bool { return scope == oidc.ScopeOpenID }

// attempt is the content of the login cookie.
type attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Return   string `json:"return"`
	Expires  int64  `json:"expires"` // seconds since 1970
}

// Start serves GET: it redirects the browser to the provider. The parameter return is the
// path on this host that Callback redirects to.
func (l *Login) Start(w http.ResponseWriter, r *http.Request) {
	preventCaching(w)
	config, err := l.config()
	if err != nil {
		l.unavailable(w, r, err)
		return
	}
	returnPath, err := localPath(r.URL.Query().Get("return"))
	if err != nil {
		l.options.Fail(w, r, http.StatusBadRequest, "return: "+err.Error())
		return
	}
	login := attempt{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), returnPath, l.sessions.clock().Add(loginTimeout).Unix()}
	content, err := json.Marshal(login)
	if err != nil {
		l.unavailable(w, r, err)
		return
	}
	for _, name := range l.surplusCookies(r) {
		http.SetCookie(w, hostCookie(name, "", 0))
	}
	http.SetCookie(w, hostCookie(cookieOf(login.State), l.sessions.keys.seal(loginCookie, content), loginTimeout))
	target := config.AuthCodeURL(login.State, oidc.Nonce(login.Nonce), oauth2.S256ChallengeOption(login.Verifier))
	http.Redirect(w, r, target, http.StatusFound)
}

// Callback serves GET: the provider redirects the browser here with a code, which is
// exchanged for a session.
func (l *Login) Callback(w http.ResponseWriter, r *http.Request) {
	preventCaching(w)
	login, err := l.attempt(r)
	if err != nil {
		l.options.Fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	http.SetCookie(w, hostCookie(cookieOf(login.State), "", 0)) // an attempt is valid once
	if r.URL.Query().Get("code") == "" {
		l.options.Fail(w, r, http.StatusUnauthorized, "the provider did not let you log in")
		return
	}
	user, err := l.redeem(r.Context(), r.URL.Query().Get("code"), login)
	invalid, isInvalid := errors.AsType[*InvalidError](err)
	switch {
	case isInvalid:
		l.options.Fail(w, r, http.StatusUnauthorized, invalid.Error())
		return
	case err != nil:
		l.unavailable(w, r, err)
		return
	}
	if err := l.sessions.begin(w, user); err != nil {
		l.options.Fail(w, r, http.StatusForbidden, err.Error())
		return
	}
	logr.FromContextOrDiscard(r.Context()).Info("Logged in", "user", user.Name(), "groups", user.Groups(), "client", r.RemoteAddr)
	http.Redirect(w, r, login.Return, http.StatusSeeOther)
}

// Logout serves POST, behind RejectCrossOrigin: it ends the browser's session here, not at
// the provider. It redirects a form to the page /logout. Without a session it has nothing to do.
func (l *Login) Logout(w http.ResponseWriter, r *http.Request) {
	preventCaching(w)
	if user, err := l.sessions.Authenticate(r); err == nil {
		logr.FromContextOrDiscard(r.Context()).Info("Logged out", "user", user.Name(), "client", r.RemoteAddr)
	}
	http.SetCookie(w, hostCookie(sessionCookie, "", 0))
	if acceptsHTML(r) {
		http.Redirect(w, r, "/logout", http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func acceptsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// attempt returns the attempt of the login cookie, if the provider's response belongs to it.
func (l *Login) attempt(r *http.Request) (attempt, error) {
	again := errors.New("this login was not started by this browser or has expired: log in again")
	query := r.URL.Query()
	cookie, err := r.Cookie(cookieOf(query.Get("state")))
	if err != nil {
		return attempt{}, again
	}
	login, ok := l.open(cookie)
	if !ok {
		return attempt{}, again
	}
	if subtle.ConstantTimeCompare([]byte(login.State), []byte(query.Get("state"))) != 1 ||
		!l.sessions.clock().Before(time.Unix(login.Expires, 0)) {
		return attempt{}, again
	}
	// RFC 9207 prevents mix-up attacks between providers.
	if issuer := query.Get("iss"); issuer != "" && issuer != l.oidc.options.Issuer {
		return attempt{}, again
	}
	return login, nil
}

// maxAttempts bounds the logins that a browser may have started, in several tabs.
const maxAttempts = 5

// cookieOf returns the name of an attempt's cookie: each tab has its own.
func cookieOf(state string) string { return loginCookie + "-" + state[:min(len(state), 8)] }

// open reads an attempt from its cookie.
func (l *Login) open(cookie *http.Cookie) (attempt, bool) {
	content, ok := l.sessions.keys.open(loginCookie, cookie.Value)
	if !ok {
		return attempt{}, false
	}
	var login attempt
	err := json.Unmarshal(content, &login)
	return login, err == nil
}

// surplusCookies returns the login cookies to delete before another attempt: the oldest and the
// unreadable ones.
func (l *Login) surplusCookies(r *http.Request) []string {
	expires := map[string]int64{}
	var names []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, loginCookie) {
			login, _ := l.open(cookie)
			names, expires[cookie.Name] = append(names, cookie.Name), login.Expires
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(expires[b], expires[a]) })
	return names[min(len(names), maxAttempts-1):]
}

// redeem exchanges the code for the user.
func (l *Login) redeem(ctx context.Context, code string, login attempt) (User, error) {
	config, err := l.config()
	if err != nil {
		return User{}, err
	}
	tokens, err := config.Exchange(oidc.ClientContext(ctx, l.oidc.client), code, oauth2.VerifierOption(login.Verifier))
	rejected, isRejected := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case isRejected && rejected.Response.StatusCode < http.StatusInternalServerError:
		return User{}, &InvalidError{Reason: "the provider does not accept the code"}
	case err != nil:
		return User{}, fmt.Errorf("%w: exchanging the code: %w", ErrUnavailable, redact(err))
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return User{}, &InvalidError{Reason: "the provider sent no ID token"}
	}
	claims, err := l.oidc.verify(ctx, raw)
	if err != nil {
		return User{}, err
	}
	if !slices.Contains(claims.audience(), config.ClientID) {
		return User{}, &InvalidError{Reason: "the token is for another audience"}
	}
	if nonce, err := claims.text("nonce"); err != nil || subtle.ConstantTimeCompare([]byte(nonce), []byte(login.Nonce)) != 1 {
		return User{}, &InvalidError{Reason: "the token belongs to another login"}
	}
	if err := l.addUserInfo(ctx, tokens, claims); err != nil {
		return User{}, err
	}
	return l.oidc.user(claims)
}

// addUserInfo adds the username claim, and whether it is verified, from the UserInfo endpoint if
// the ID token lacks the claim: providers may send email there only (OpenID Connect Core 5.4).
func (l *Login) addUserInfo(ctx context.Context, tokens *oauth2.Token, token *claims) error {
	claim, provider := l.oidc.options.UsernameClaim, l.oidc.provider.Load()
	if _, ok := token.values[claim]; ok || provider.discovered.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := provider.discovered.UserInfo(oidc.ClientContext(ctx, l.oidc.client), oauth2.StaticTokenSource(tokens))
	if err != nil {
		return fmt.Errorf("%w: reading the user info: %w", ErrUnavailable, redact(err))
	}
	var payload json.RawMessage
	if err := info.Claims(&payload); err != nil {
		return &InvalidError{Reason: "the provider's user info is malformed"}
	}
	values, err := decodeClaims(payload)
	if err != nil {
		return err
	}
	subject, err := token.text("sub")
	if err != nil {
		return err
	}
	// Otherwise another user's info could be substituted (OpenID Connect Core 5.3.2).
	if sub, err := (&claims{values}).text("sub"); err != nil || sub != subject {
		return &InvalidError{Reason: "the provider's user info is of another user"}
	}
	for _, name := range []string{claim, "email_verified"} {
		if value, ok := values[name]; ok {
			token.values[name] = value
		}
	}
	return nil
}

func (l *Login) config() (*oauth2.Config, error) {
	provider := l.oidc.provider.Load()
	if provider == nil {
		return nil, l.oidc.Ready()
	}
	l.once.Do(func() {
		l.client = &oauth2.Config{
			ClientID:     l.oidc.options.Audiences[0],
			ClientSecret: l.options.ClientSecret,
			Endpoint:     provider.discovered.Endpoint(),
			RedirectURL:  l.options.RedirectURL,
			Scopes:       l.options.Scopes,
		}
		l.client.Endpoint.AuthStyle = provider.authStyle(l.options.ClientSecret)
	})
	return l.client, nil
}

func (l *Login) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	logr.FromContextOrDiscard(r.Context()).Error(err, "Login failed")
	w.Header().Set("Retry-After", "5")
	l.options.Fail(w, r, http.StatusServiceUnavailable, "the provider is unreachable at the moment")
}
