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

// keyFile is a file of keys that a test rewrites.
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

// write gives the file a time of its own: two writes may be closer than the clock is fine.
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

// begin returns the cookie of a session of the person's.
func begin(t *testing.T, sessions *auth.Sessions, person auth.User) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := auth.Begin(sessions, w, person); err != nil {
		t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

func with(t *testing.T, name, value string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://nufi.test/", nil)
	r.Header.Set("Cookie", name+"="+value)
	return r
}

func TestASessionIsThePersonsUntilItEnds(t *testing.T) {
	t.Parallel()
	at := now
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), func() time.Time { return at })
	cookie := begin(t, sessions, someone(t, "oidc:ann", "oidc:a", "oidc:b"))
	if cookie.Name != "__Host-nufi-session" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 3600 {
		t.Errorf("the cookie is %v", cookie)
	}
	at = now.Add(hour - time.Second)
	person, err := sessions.Authenticate(with(t, cookie.Name, cookie.Value))
	if err != nil || person.Name() != "oidc:ann" || !cmp.Equal(person.Groups(), []string{"oidc:a", "oidc:b"}) {
		t.Errorf("before the end: %s in %s, %v", person, person.Groups(), err)
	}
	at = now.Add(hour)
	_, err = sessions.Authenticate(with(t, cookie.Name, cookie.Value))
	wantInvalid(t, "at the end", err, "ended")
	if _, err := sessions.Authenticate(bearing(t, "abc")); !errors.Is(err, auth.ErrNoCredentials) {
		t.Errorf("without a cookie: %v", err)
	}
}

func TestACookieSaysNothingToWhoeverReadsIt(t *testing.T) {
	t.Parallel()
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)
	first, second := begin(t, sessions, someone(t, "ann")), begin(t, sessions, someone(t, "ann"))
	content, err := base64.RawURLEncoding.DecodeString(first.Value)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), "ann") || first.Value == second.Value {
		t.Error("the cookie is not sealed, or always the same")
	}
}

func TestAChangedCookieIsRefused(t *testing.T) {
	t.Parallel()
	sessions := newSessions(t, newKeyFile(t, newKey(t)).keys(t), clock)
	cookie := begin(t, sessions, someone(t, "ann"))
	content, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		t.Fatal(err)
	}
	for i := range content {
		changed := append([]byte(nil), content...)
		changed[i] ^= 1
		_, err := sessions.Authenticate(with(t, cookie.Name, base64.RawURLEncoding.EncodeToString(changed)))
		wantInvalid(t, "a bit is flipped", err, "not known")
	}
	for _, value := range []string{"", "a", "....", cookie.Value[1:], cookie.Value[:20], cookie.Value + "A", strings.Repeat("A", 5000)} {
		_, err := sessions.Authenticate(with(t, cookie.Name, value))
		wantInvalid(t, value, err, "not known")
	}
}

func TestAKeyIsReplacedWithoutLoggingAnyoneOut(t *testing.T) {
	t.Parallel()
	older, newer := newKey(t), newKey(t)
	file := newKeyFile(t, older)
	sessions := newSessions(t, file.keys(t), clock)
	before := begin(t, sessions, someone(t, "ann"))
	known := func(cookie *http.Cookie) bool {
		_, err := sessions.Authenticate(with(t, cookie.Name, cookie.Value))
		return err == nil
	}

	file.write(t, newer+" # 2026\n\n"+older+"\n")
	after := begin(t, sessions, someone(t, "ann"))
	if !known(before) || !known(after) {
		t.Error("with both keys a session is not known")
	}
	for _, broken := range []string{"", "# no key", newer[:20], "!", newer + "\n" + "c2hvcnQ="} {
		file.write(t, broken)
		if !known(before) || !known(after) {
			t.Errorf("a broken file logs people out: %q", broken)
		}
	}
	file.write(t, newer)
	if known(before) {
		t.Error("a cookie is replayed after its key is gone")
	}
	if !known(after) {
		t.Error("without the older key the newer is not known")
	}
}

func TestAFileWithoutGoodKeysIsRefusedWithoutQuotingIt(t *testing.T) {
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

func TestASessionIsShortAndFits(t *testing.T) {
	t.Parallel()
	keys := newKeyFile(t, newKey(t)).keys(t)
	for _, ttl := range []time.Duration{0, -hour, 25 * hour} {
		if _, err := auth.NewSessions(keys, ttl, clock); err == nil {
			t.Errorf("a session of %s", ttl)
		}
	}
	sessions := newSessions(t, keys, clock)
	for name, person := range map[string]auth.User{
		"groups that do not fit": someone(t, "ann", tooManyGroups()[:512]...),
		"nobody":                 {},
		"a token":                reviewedPerson(t, "ann", "abc"),
	} {
		w := httptest.NewRecorder()
		if err := auth.Begin(sessions, w, person); err == nil || len(w.Header()) > 0 {
			t.Errorf("%s: %v, %v", name, err, w.Header())
		}
	}
}

func FuzzACookieIsReadWithoutHarm(f *testing.F) {
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
			t.Errorf("a cookie that nobody sealed is known: %q", cookie)
		}
		// Whatever is in a sealed cookie, it makes no Kubernetes identity and lasts no longer.
		person, err := auth.Decode(sessions, auth.Seal(keys, content))
		if (err == nil) == person.IsZero() {
			t.Errorf("%q is %q and %v", content, person, err)
		}
		for _, value := range append(person.Groups(), person.Name()) {
			if strings.HasPrefix(value, "system:") || strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("%q makes %q", content, value)
			}
		}
	})
}
