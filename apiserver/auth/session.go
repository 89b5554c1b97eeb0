package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Browsers store __Host- cookies for one host only and send them over TLS only.
const (
	sessionCookie = "__Host-nufi-session"
	loginCookie   = "__Host-nufi-login"

	// Browsers silently drop larger cookies.
	maxCookieBytes = 4000
)

// maxSession bounds the lifetime of a session: single sessions cannot be revoked.
const maxSession = 24 * time.Hour

// Sessions authenticates users who have logged in with a browser. A session is a sealed
// cookie without state in the server, so that every replica accepts it. It ends when it
// expires, when the user logs out or when its key is removed, which ends all sessions.
type Sessions struct {
	keys  *Keys
	ttl   time.Duration
	clock func() time.Time
}

// NewSessions returns sessions with a lifetime of ttl, at most a day. A nil clock means
// time.Now.
func NewSessions(keys *Keys, ttl time.Duration, clock func() time.Time) (*Sessions, error) {
	if ttl <= 0 || ttl > maxSession {
		return nil, fmt.Errorf("session length: %s is not between 0 and %s", ttl, maxSession)
	}
	if clock == nil {
		clock = time.Now
	}
	return &Sessions{keys: keys, ttl: ttl, clock: clock}, nil
}

// session is the content of the cookie.
type session struct {
	Name    string   `json:"name"`
	Groups  []string `json:"groups,omitempty"`
	Expires int64    `json:"expires"` // seconds since 1970
}

// Authenticate accepts the session cookie.
func (s *Sessions) Authenticate(r *http.Request) (User, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return User{}, ErrNoCredentials
	}
	return s.decode(cookie.Value)
}

func (s *Sessions) decode(text string) (User, error) {
	content, ok := s.keys.open(sessionCookie, text)
	if !ok {
		return User{}, &InvalidError{Reason: "the session is unknown: log in again"}
	}
	var decoded session
	if err := json.Unmarshal(content, &decoded); err != nil {
		return User{}, &InvalidError{Reason: "the session is malformed: log in again"}
	}
	// A session that expires too late began before the clock was set back, or the lifetime shortened.
	remaining := time.Unix(decoded.Expires, 0).Sub(s.clock())
	if remaining <= 0 || remaining > s.ttl+maxSkew {
		return User{}, &InvalidError{Reason: "the session has expired: log in again"}
	}
	user, err := NewUser(decoded.Name, decoded.Groups)
	if err != nil {
		return User{}, &InvalidError{Reason: err.Error()}
	}
	return user, nil
}

// begin sets the session cookie. It rejects a user with a token of the cluster, who must not
// be impersonated.
func (s *Sessions) begin(w http.ResponseWriter, user User) error {
	if user.IsZero() || user.token != nil {
		return errors.New("a session requires a user of the provider")
	}
	content, err := json.Marshal(session{user.name, user.groups, s.clock().Add(s.ttl).Unix()})
	if err != nil {
		return fmt.Errorf("writing the session: %w", err)
	}
	text := s.keys.seal(sessionCookie, content)
	if len(text) > maxCookieBytes {
		return fmt.Errorf("groups: %d do not fit into a cookie: configure the provider to send fewer", len(user.groups))
	}
	http.SetCookie(w, hostCookie(sessionCookie, text, s.ttl))
	return nil
}

// hostCookie returns a cookie that expires after ttl. A ttl of 0 deletes it.
func hostCookie(name, value string, ttl time.Duration) *http.Cookie {
	age := int(ttl.Seconds())
	if age <= 0 {
		age = -1
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
