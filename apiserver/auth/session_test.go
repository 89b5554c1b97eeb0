package auth_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/auth"
)

const hour = time.Hour

// keyFile is a key file that tests rewrite.
type keyFile struct {
	path  string
	times int
}

func newKeyFile(t *testing.T, keys ...string) *keyFile {
	t.Helper()
	file := &keyFile{path: filepath.Join(t.TempDir(), "keys")}
	file.write(t, strings.Join(keys, "\n"))
	return file
}

// write sets a distinct modification time: two writes may fall into one tick of the clock.
func (f *keyFile) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(f.path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f.times++
	at := now.Add(time.Duration(f.times) * time.Second)
	if err := os.Chtimes(f.path, at, at); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) string {
	t.Helper()
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(key)
}

func (f *keyFile) keys(t *testing.T) *auth.Keys {
	t.Helper()
	keys, err := auth.NewKeys(f.path)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func newSessions(t *testing.T, keys *auth.Keys, clock func() time.Time) *auth.Sessions {
	t.Helper()
	sessions, err := auth.NewSessions(keys, hour, clock)
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

func begin(t *testing.T, sessions *auth.Sessions, user auth.User) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := auth.Begin(sessions, w, user); err != nil {
		t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

func requestWithCookie(t *testing.T, name, value string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://nufi.test/", nil)
	r.Header.Set("Cookie", name+"="+value)
	return r
}

func TestSessionIsValidUntilItExpires(t *testing.T) {
	t.Parallel()
	current := now
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), func() time.Time { return current })
	cookie := begin(t, sessions, newUser(t, "oidc:ann", "oidc:a", "oidc:b"))
	if cookie.Name != "__Host-nufi-session" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 3600 {
		t.Errorf("the cookie is %v", cookie)
	}
	current = now.Add(hour - time.Second)
	user, err := sessions.Authenticate(requestWithCookie(t, cookie.Name, cookie.Value))
	if err != nil || user.Name() != "oidc:ann" || !cmp.Equal(user.Groups(), []string{"oidc:a", "oidc:b"}) {
		t.Errorf("before it expires: %s in %s, %v", user, user.Groups(), err)
	}
	current = now.Add(hour)
	_, err = sessions.Authenticate(requestWithCookie(t, cookie.Name, cookie.Value))
	wantInvalid(t, "at the end", err, "expired")
	current = now.Add(-5 * time.Minute) // Another replica's clock may be behind.
	if _, err = sessions.Authenticate(requestWithCookie(t, cookie.Name, cookie.Value)); err != nil {
		t.Errorf("on a replica whose clock is behind: %v", err)
	}
	current = now.Add(-6 * time.Minute)
	_, err = sessions.Authenticate(requestWithCookie(t, cookie.Name, cookie.Value))
	wantInvalid(t, "after the clock was set back", err, "expired")
	if _, err := sessions.Authenticate(requestWithToken(t, "abc")); !errors.Is(err, auth.ErrNoCredentials) {
		t.Errorf("without a cookie: %v", err)
	}
}

func TestCookieIsEncrypted(t *testing.T) {
	t.Parallel()
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)
	first, second := begin(t, sessions, newUser(t, "ann")), begin(t, sessions, newUser(t, "ann"))
	content, err := base64.RawURLEncoding.DecodeString(first.Value)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), "ann") || first.Value == second.Value {
		t.Error("the cookie is not encrypted, or deterministic")
	}
}

func TestModifiedCookieIsRejected(t *testing.T) {
	t.Parallel()
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)
	cookie := begin(t, sessions, newUser(t, "ann"))
	content, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		t.Fatal(err)
	}
	for i := range content {
		changed := append([]byte(nil), content...)
		changed[i] ^= 1
		_, err := sessions.Authenticate(requestWithCookie(t, cookie.Name, base64.RawURLEncoding.EncodeToString(changed)))
		wantInvalid(t, "a bit is flipped", err, "unknown")
	}
	for _, value := range []string{"", "a", "....", cookie.Value[1:], cookie.Value[:20], cookie.Value + "A", strings.Repeat("A", 5000)} {
		_, err := sessions.Authenticate(requestWithCookie(t, cookie.Name, value))
		wantInvalid(t, value, err, "unknown")
	}
}

func TestKeyRotationKeepsSessions(t *testing.T) {
	t.Parallel()
	older, newer := newKey(t), newKey(t)
	file := newKeyFile(t, older)
	sessions := newSessions(t, file.keys(t), clock)
	before := begin(t, sessions, newUser(t, "ann"))
	accepted := func(cookie *http.Cookie) bool {
		_, err := sessions.Authenticate(requestWithCookie(t, cookie.Name, cookie.Value))
		return err == nil
	}

	file.write(t, newer+" # 2026\n\n"+older+"\n")
	after := begin(t, sessions, newUser(t, "ann"))
	if !accepted(before) || !accepted(after) {
		t.Error("a session was rejected with both keys")
	}
	for _, broken := range []string{"", "# no key", newer[:20], "!", newer + "\n" + "c2hvcnQ="} {
		file.write(t, broken)
		if !accepted(before) || !accepted(after) {
			t.Errorf("a broken file ends sessions: %q", broken)
		}
	}
	file.write(t, newer)
	if accepted(before) {
		t.Error("a cookie was accepted after its key was removed")
	}
	if !accepted(after) {
		t.Error("the session of the remaining key was rejected")
	}
}

func TestBrokenKeyFileIsReportedOnce(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	file := newKeyFile(t, key)
	keys := file.keys(t)
	var reported []error
	keys.OnReload(func(err error) { reported = append(reported, err) })
	sessions := newSessions(t, keys, clock)
	use := func() { begin(t, sessions, newUser(t, "ann")) }
	use()
	if len(reported) != 0 {
		t.Errorf("a valid file is reported: %v", reported)
	}
	file.write(t, "c2VjcmV0")
	use()
	use()
	if len(reported) != 1 || reported[0] == nil || strings.Contains(reported[0].Error(), "c2VjcmV0") {
		t.Errorf("the reports are %v, want one error", reported)
	}
	if err := os.Remove(file.path); err != nil {
		t.Fatal(err)
	}
	use()
	if len(reported) != 2 || !errors.Is(reported[1], os.ErrNotExist) {
		t.Errorf("the reports are %v, want that the file is missing", reported)
	}
	file.write(t, key)
	use()
	if len(reported) != 3 || reported[2] != nil {
		t.Errorf("the reports are %v, want that the file is valid again", reported)
	}
}

func TestInvalidKeyFileIsRejectedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	const short = "c2VjcmV0LXNlY3JldA=="
	for content, want := range map[string]string{
		"": "has no key", "# none\n": "has no key", short: "line 1 is not 32 bytes", newKey(t) + "\nsecret": "line 2 is not 32 bytes",
	} {
		_, err := auth.NewKeys(newKeyFile(t, content).path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), short) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
	if _, err := auth.NewKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
}

func TestSessionsThatDoNotFitAreRejected(t *testing.T) {
	t.Parallel()
	keys := newKeyFile(t, newKey(t)).keys(t)
	for _, ttl := range []time.Duration{0, -hour, 25 * hour} {
		if _, err := auth.NewSessions(keys, ttl, clock); err == nil {
			t.Errorf("a lifetime of %s was accepted", ttl)
		}
	}
	sessions := newSessions(t, keys, clock)
	for name, user := range map[string]auth.User{
		"groups that do not fit": newUser(t, "ann", tooManyGroups()[:512]...),
		"the zero user":          {},
		"a token":                reviewedUser(t, "ann", "abc"),
	} {
		w := httptest.NewRecorder()
		if err := auth.Begin(sessions, w, user); err == nil || len(w.Header()) > 0 {
			t.Errorf("%s: %v, %v", name, err, w.Header())
		}
	}
}

func FuzzSessionCookie(f *testing.F) {
	path := filepath.Join(f.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600); err != nil {
		f.Fatal(err)
	}
	keys, err := auth.NewKeys(path)
	if err != nil {
		f.Fatal(err)
	}
	sessions, err := auth.NewSessions(keys, hour, clock)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", `{"name":"ann","expires":9999999999}`)
	f.Add("AAAA", `{"name":"system:admin","expires":9999999999}`)
	f.Add("a.b", `{"name":"ann","groups":["system:masters"],"expires":9999999999}`)
	f.Add("=", `{"name":"a\r\nb","expires":-1}`)
	f.Fuzz(func(t *testing.T, cookie, content string) {
		if _, err := auth.Decode(sessions, cookie); err == nil {
			t.Errorf("an unsealed cookie was accepted: %q", cookie)
		}
		user, err := auth.Decode(sessions, auth.Seal(keys, content))
		if (err == nil) == user.IsZero() {
			t.Errorf("%q: user %q, error %v", content, user, err)
		}
		for _, value := range append(user.Groups(), user.Name()) {
			if strings.HasPrefix(value, "system:") || strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("%q: the user has %q", content, value)
			}
		}
	})
}
