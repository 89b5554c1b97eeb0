package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-logr/logr"
	"golang.org/x/oauth2"
)

// loginTime is how long a person may take at the provider's.
const loginTime = 10 * time.Minute

// LoginOptions are this server's, as the provider knows it.
type LoginOptions struct {
	ClientSecret string   // empty for a public client: PKCE is used in any case
	RedirectURL  string   // where Callback is served, as browsers see it: https://host/path
	Scopes       []string // besides "openid"
	Fail         ErrorWriter
}

// Login lets people log in with a browser: the code flow of OpenID Connect with PKCE.
// State, nonce and verifier travel in a sealed cookie of ten minutes, so that a code is
// worth nothing to anyone but the browser that asked for it.
type Login struct {
	oidc     *OIDC
	sessions *Sessions
	options  LoginOptions
}

// NewLogin returns the handlers. The provider's client is the first of its audiences.
func NewLogin(provider *OIDC, sessions *Sessions, options LoginOptions) (*Login, error) {
	at, err := url.Parse(options.RedirectURL)
	if err != nil {
		return nil, fmt.Errorf("redirect URL: %w", err)
	}
	if at.Scheme != "https" && !loopback(at.Hostname()) || at.Host == "" {
		return nil, fmt.Errorf("redirect URL: %q is not an https URL", options.RedirectURL)
	}
	if options.Fail == nil {
		return nil, errors.New("login has no way to answer with an error")
	}
	options.Scopes = append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(options.Scopes), isOpenID)...)
	return &Login{oidc: provider, sessions: sessions, options: options}, nil
}

func isOpenID(scope string) bool { return scope == oidc.ScopeOpenID }

// attempt is what the login cookie holds.
type attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Return   string `json:"return"`
	Expires  int64  `json:"expires"` // seconds since 1970
}

// Start serves GET: it sends the browser to the provider, and remembers ?return=, the path
// on this host where it goes afterwards.
func (l *Login) Start(w http.ResponseWriter, r *http.Request) {
	keepPrivate(w)
	config, err := l.config()
	if err != nil {
		l.unavailable(w, r, err)
		return
	}
	back, err := localPath(r.URL.Query().Get("return"))
	if err != nil {
		l.options.Fail(w, r, http.StatusBadRequest, "return: "+err.Error())
		return
	}
	begun := attempt{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), back, l.sessions.clock().Add(loginTime).Unix()}
	content, err := json.Marshal(begun)
	if err != nil {
		l.unavailable(w, r, err)
		return
	}
	http.SetCookie(w, hostCookie(loginCookie, l.sessions.keys.seal(loginCookie, content), loginTime))
	at := config.AuthCodeURL(begun.State, oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier))
	http.Redirect(w, r, at, http.StatusFound)
}

// Callback serves GET: the browser comes back from the provider with a code, which becomes
// a session.
func (l *Login) Callback(w http.ResponseWriter, r *http.Request) {
	keepPrivate(w)
	begun, err := l.attempt(r)
	if err != nil {
		l.options.Fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	http.SetCookie(w, hostCookie(loginCookie, "", 0)) // one attempt, one answer
	if r.URL.Query().Get("code") == "" {
		l.options.Fail(w, r, http.StatusUnauthorized, "the provider did not let you log in")
		return
	}
	person, err := l.redeem(r.Context(), r.URL.Query().Get("code"), begun)
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		l.options.Fail(w, r, http.StatusUnauthorized, invalid.Error())
		return
	case err != nil:
		l.unavailable(w, r, err)
		return
	}
	if err := l.sessions.begin(w, person); err != nil {
		l.options.Fail(w, r, http.StatusForbidden, err.Error())
		return
	}
	http.Redirect(w, r, begun.Return, http.StatusSeeOther)
}

// Logout serves POST, behind CrossOrigin: it ends the browser's session, not the provider's.
func (l *Login) Logout(w http.ResponseWriter, _ *http.Request) {
	keepPrivate(w)
	http.SetCookie(w, hostCookie(sessionCookie, "", 0))
	w.WriteHeader(http.StatusNoContent)
}

// attempt is the one that the browser began, if what it brings from the provider answers it.
func (l *Login) attempt(r *http.Request) (attempt, error) {
	again := errors.New("this login was not begun here, or too long ago: log in again")
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return attempt{}, again
	}
	content, ok := l.sessions.keys.open(loginCookie, cookie.Value)
	if !ok {
		return attempt{}, again
	}
	var begun attempt
	if err := json.Unmarshal(content, &begun); err != nil {
		return attempt{}, again
	}
	query := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(begun.State), []byte(query.Get("state"))) != 1 ||
		!l.sessions.clock().Before(time.Unix(begun.Expires, 0)) {
		return attempt{}, again
	}
	// RFC 9207: where there are several providers, one could pass off its answer as another's.
	if issuer := query.Get("iss"); issuer != "" && issuer != l.oidc.options.Issuer {
		return attempt{}, again
	}
	return begun, nil
}

// redeem exchanges the code for the person.
func (l *Login) redeem(ctx context.Context, code string, begun attempt) (User, error) {
	config, err := l.config()
	if err != nil {
		return User{}, err
	}
	tokens, err := config.Exchange(oidc.ClientContext(ctx, l.oidc.client), code, oauth2.VerifierOption(begun.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return User{}, &InvalidError{Reason: "the provider does not take the code"}
	case err != nil:
		return User{}, fmt.Errorf("%w: exchanging the code: %w", ErrUnavailable, scrub(err))
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return User{}, &InvalidError{Reason: "the provider sent no ID token"}
	}
	claims, err := l.oidc.verify(ctx, raw)
	if err != nil {
		return User{}, err
	}
	if !slices.Contains(claims.token.Audience, config.ClientID) {
		return User{}, &InvalidError{Reason: "the token is for another audience"}
	}
	if subtle.ConstantTimeCompare([]byte(claims.token.Nonce), []byte(begun.Nonce)) != 1 {
		return User{}, &InvalidError{Reason: "the token answers another login"}
	}
	return l.oidc.person(claims)
}

func (l *Login) config() (*oauth2.Config, error) {
	found := l.oidc.provider.Load()
	if found == nil {
		return nil, l.oidc.Ready()
	}
	return &oauth2.Config{
		ClientID:     l.oidc.options.Audiences[0],
		ClientSecret: l.options.ClientSecret,
		Endpoint:     found.endpoint,
		RedirectURL:  l.options.RedirectURL,
		Scopes:       l.options.Scopes,
	}, nil
}

func (l *Login) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	logr.FromContextOrDiscard(r.Context()).Error(err, "could not log in")
	w.Header().Set("Retry-After", "5")
	l.options.Fail(w, r, http.StatusServiceUnavailable, "the provider cannot be reached for now")
}
