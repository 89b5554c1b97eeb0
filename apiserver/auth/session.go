package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The browser keeps a __Host- cookie for this host alone, sends it over TLS alone, and
// takes it from no other host.
const (
	sessionCookie = "__Host-nufi-session"
	loginCookie   = "__Host-nufi-login"

	// Browsers drop larger cookies without a word.
	maxCookieBytes = 4000
)

// maxSession bounds how long a session may last: it cannot be revoked one by one.
const maxSession = 24 * time.Hour

// Sessions are of people who logged in with a browser. A session is a sealed cookie: the
// server keeps nothing, so that every replica knows every session. It ends after its time,
// by logging out, or, all of them, by removing the key.
type Sessions struct {
	keys  *Keys
	ttl   time.Duration
	clock func() time.Time
}

// NewSessions returns sessions that last ttl, at most a day; an hour is usual. The clock is
// time.Now if nil.
func NewSessions(keys *Keys, ttl time.Duration, clock func() time.Time) (*Sessions, error) {
	if ttl <= 0 || ttl > maxSession {
		return nil, fmt.Errorf("session length: %s is not between 0 and %s", ttl, maxSession)
	}
	if clock == nil {
		clock = time.Now
	}
	return &Sessions{keys: keys, ttl: ttl, clock: clock}, nil
}

// session is what the cookie holds.
type session struct {
	Name    string   `json:"name"`
	Groups  []string `json:"groups,omitempty"`
	Expires int64    `json:"expires"` // seconds since 1970
}

// Authenticate knows the person by the session's cookie.
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
		return User{}, &InvalidError{Reason: "the session is not known: log in again"}
	}
	var read session
	if err := json.Unmarshal(content, &read); err != nil {
		return User{}, &InvalidError{Reason: "the session is not readable: log in again"}
	}
	if !s.clock().Before(time.Unix(read.Expires, 0)) {
		return User{}, &InvalidError{Reason: "the session has ended: log in again"}
	}
	person, err := NewUser(read.Name, read.Groups)
	if err != nil {
		return User{}, &InvalidError{Reason: err.Error()}
	}
	return person, nil
}

// begin gives the browser a session of the person's. Who has a token of the cluster's has
// no use for one, and impersonating them would be wrong.
func (s *Sessions) begin(w http.ResponseWriter, person User) error {
	if person.IsZero() || person.token != nil {
		return errors.New("a session is for a person whom the provider vouches for")
	}
	content, err := json.Marshal(session{person.name, person.groups, s.clock().Add(s.ttl).Unix()})
	if err != nil {
		return fmt.Errorf("writing the session: %w", err)
	}
	text := s.keys.seal(sessionCookie, content)
	if len(text) > maxCookieBytes {
		return fmt.Errorf("groups: %d do not fit into a cookie: have the provider send fewer", len(person.groups))
	}
	http.SetCookie(w, hostCookie(sessionCookie, text, s.ttl))
	return nil
}

// hostCookie lives for ttl; with none it is deleted.
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
