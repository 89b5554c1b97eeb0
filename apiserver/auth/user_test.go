package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/auth"
)

func TestNewUserRejectsInvalidIdentities(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		name   string
		groups []string
		want   string
	}{
		"no name":                       {"", nil, "name: empty"},
		"a reserved name":               {"system:admin", nil, `begins with "system:"`},
		"a node":                        {"system:node:a", nil, `begins with "system:"`},
		"a service account":             {"system:serviceaccount:a:b", nil, `begins with "system:"`},
		"a reserved group":              {"ann", []string{"a", "system:masters"}, `groups[1]: "system:masters" begins with`},
		"an empty group":                {"ann", []string{""}, "groups[0]: empty"},
		"a line break in the name":      {"ann\r\nImpersonate-Group: a", nil, "control character"},
		"a line break in a group":       {"ann", []string{"a\nb"}, "control character"},
		"a C1 control character":        {"ann\u0085", nil, "control character"},
		"a zero-width space":            {"ann\u200b", nil, "invisible"},
		"a text direction override":     {"ann\u202egpj", nil, "invisible"},
		"a soft hyphen in a group":      {"ann", []string{"re\u00adsearch"}, "invisible"},
		"a line separator":              {"ann\u2028b", nil, "invisible"},
		"a paragraph separator":         {"ann\u2029b", nil, "invisible"},
		"a leading space":               {" ann", nil, "space"},
		"a no-break space at the end":   {"ann\u00a0", nil, "space"},
		"a reserved name after a space": {" system:admin", nil, "space"},
		"a name that is not UTF-8":      {"ann\xff", nil, "UTF-8"},
		"a name that is too long":       {strings.Repeat("a", 257), nil, "257 bytes"},
		"too many groups":               {"ann", tooManyGroups(), "513"},
	} {
		user, err := auth.NewUser(test.name, test.groups)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want one with %q", name, err, test.want)
		}
		if !user.IsZero() || user.Name() != "" || user.Groups() != nil {
			t.Errorf("%s: rejected, but the user is %q", name, user)
		}
	}
}

func TestUserIsImmutable(t *testing.T) {
	t.Parallel()
	groups := []string{"a", "b"}
	user := newUser(t, "ann", groups...)
	groups[0] = "system:masters"
	user.Groups()[1] = "system:masters"
	if diff := cmp.Diff([]string{"a", "b"}, user.Groups()); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func newUser(t *testing.T, name string, groups ...string) auth.User {
	t.Helper()
	user, err := auth.NewUser(name, groups)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func TestUserKeyIsUnique(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{}
	for name, user := range map[string]auth.User{
		"the zero user":   {},
		"a":               newUser(t, "a"),
		"ab":              newUser(t, "ab"),
		"a in b":          newUser(t, "a", "b"),
		"a in b and c":    newUser(t, "a", "b", "c"),
		"a in bc":         newUser(t, "a", "bc"),
		"a with a token":  reviewedUser(t, "a", "token-1"),
		"a with another":  reviewedUser(t, "a", "token-2"),
		"ab with a token": reviewedUser(t, "ab", "token-1"),
		"a in c and b":    newUser(t, "a", "c", "b"),
		"a in a space":    newUser(t, "a", "b c"),
		"a in null":       newUser(t, "a", "null"),
	} {
		if other, ok := seen[user.Key()]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[user.Key()] = name
	}
	if again := newUser(t, "a", "b").Key(); seen[again] != "a in b" {
		t.Error("the key of a user is not stable")
	}
}

// recorder is a transport that records the header of the request.
type recorder struct{ header http.Header }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.header = request.Header
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("")), Request: request}, nil
}

func TestTransportReplacesTheIdentity(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		user       auth.User
		own, plain http.Header
	}{
		"impersonated": {
			user: newUser(t, "oidc:ann", "oidc:a", "oidc:b"),
			own:  http.Header{"Impersonate-User": {"oidc:ann"}, "Impersonate-Group": {"oidc:a", "oidc:b"}, "Accept": {"x"}},
		},
		"impersonated without groups": {
			user: newUser(t, "oidc:ann"),
			own:  http.Header{"Impersonate-User": {"oidc:ann"}, "Accept": {"x"}},
		},
		"with a token": {
			user:  reviewedUser(t, "system:serviceaccount:a:b", "token-1"),
			plain: http.Header{"Authorization": {"Bearer token-1"}, "Accept": {"x"}},
		},
	} {
		var own, plain recorder
		transport, err := test.user.Transport(&own, &plain)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://kubernetes/api", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = http.Header{
			"Accept": {"x"}, "Authorization": {"Bearer of-another"}, "Impersonate-User": {"root"}, "Impersonate-Group": {"system:masters"},
			"Impersonate-Uid": {"0"}, "Impersonate-Extra-Scopes": {"all"}, "impersonate-user": {"root"},
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if diff := cmp.Diff(test.own, own.header); diff != "" {
			t.Errorf("%s: with the server's credentials (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.plain, plain.header); diff != "" {
			t.Errorf("%s: without (-want +got):\n%s", name, diff)
		}
	}
}

func TestTransportRejectsTheZeroUser(t *testing.T) {
	t.Parallel()
	if transport, err := (auth.User{}).Transport(&recorder{}, &recorder{}); err == nil || transport != nil {
		t.Errorf("the zero user has a transport: %v, %v", transport, err)
	}
}

func TestTokenIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const token = "secret-token"
	user := reviewedUser(t, "ann", token)
	transport, err := user.Transport(&recorder{}, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	nested := struct{ user auth.User }{user}
	for _, value := range []any{user, &user, nested, &nested, []auth.User{user}, map[string]any{"p": user}, transport} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			printed := fmt.Sprintf(verb, value)
			for _, form := range []string{token, fmt.Sprintf("%x", token), fmt.Sprintf("%X", token)} {
				if strings.Contains(printed, form) {
					t.Errorf("%s of %T prints the token: %s", verb, value, printed)
				}
			}
		}
	}
}

func TestErrorOfALongNameHasWholeCharacters(t *testing.T) {
	t.Parallel()
	for _, length := range []int{60, 61} { // in bytes, "system:" and two for each é: 127 or more
		_, err := auth.NewUser("system:"+strings.Repeat("é", length), nil)
		if err == nil || strings.Contains(err.Error(), `\x`) {
			t.Errorf("%d: %v", length, err)
		}
	}
}
