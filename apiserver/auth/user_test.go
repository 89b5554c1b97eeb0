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

func TestAPersonIsNobodyElse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		name   string
		groups []string
		want   string
	}{
		"no name":                       {"", nil, "name: empty"},
		"Kubernetes' own name":          {"system:admin", nil, `begins with "system:"`},
		"a node":                        {"system:node:a", nil, `begins with "system:"`},
		"a service account":             {"system:serviceaccount:a:b", nil, `begins with "system:"`},
		"the masters":                   {"ann", []string{"a", "system:masters"}, `groups[1]: "system:masters" begins with`},
		"an empty group":                {"ann", []string{""}, "groups[0]: empty"},
		"a line break in the name":      {"ann\r\nImpersonate-Group: a", nil, "control character"},
		"a line break in a group":       {"ann", []string{"a\nb"}, "control character"},
		"a C1 control character":        {"ann\u0085", nil, "control character"},
		"a space that a header loses":   {" ann", nil, "space"},
		"a no-break space at the end":   {"ann\u00a0", nil, "space"},
		"a masked name of Kubernetes'":  {" system:admin", nil, "space"},
		"a name that is not UTF-8":      {"ann\xff", nil, "UTF-8"},
		"a name that is too long":       {strings.Repeat("a", 257), nil, "257 bytes"},
		"more groups than a header may": {"ann", tooManyGroups(), "513"},
	} {
		person, err := auth.NewUser(test.name, test.groups)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want one with %q", name, err, test.want)
		}
		if !person.IsZero() || person.Name() != "" || person.Groups() != nil {
			t.Errorf("%s: it is refused and is %q", name, person)
		}
	}
}

func TestAPersonDoesNotChange(t *testing.T) {
	t.Parallel()
	groups := []string{"a", "b"}
	person := someone(t, "ann", groups...)
	groups[0] = "system:masters"
	person.Groups()[1] = "system:masters"
	if diff := cmp.Diff([]string{"a", "b"}, person.Groups()); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func someone(t *testing.T, name string, groups ...string) auth.User {
	t.Helper()
	person, err := auth.NewUser(name, groups)
	if err != nil {
		t.Fatal(err)
	}
	return person
}

func TestNoTwoPersonsHaveOneKey(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{}
	for name, person := range map[string]auth.User{
		"nobody":           {},
		"a":                someone(t, "a"),
		"ab":               someone(t, "ab"),
		"a in b":           someone(t, "a", "b"),
		"a in b and c":     someone(t, "a", "b", "c"),
		"a in bc":          someone(t, "a", "bc"),
		"a with a token":   reviewedPerson(t, "a", "token-1"),
		"a with another":   reviewedPerson(t, "a", "token-2"),
		"ab with a token":  reviewedPerson(t, "ab", "token-1"),
		"a in c and b":     someone(t, "a", "c", "b"),
		"a in a space":     someone(t, "a", "b c"),
		"a in a null name": someone(t, "a", "null"),
	} {
		if other, ok := seen[person.Key()]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[person.Key()] = name
	}
	if again := someone(t, "a", "b").Key(); seen[again] != "a in b" {
		t.Error("one person has two keys")
	}
}

// recorder is the way to an API server that keeps what it was asked.
type recorder struct{ header http.Header }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.header = request.Header
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("")), Request: request}, nil
}

func TestEveryCallIsThePersonsWhateverTheRequestSays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		person     auth.User
		own, plain http.Header
	}{
		"impersonated": {
			person: someone(t, "oidc:ann", "oidc:a", "oidc:b"),
			own:    http.Header{"Impersonate-User": {"oidc:ann"}, "Impersonate-Group": {"oidc:a", "oidc:b"}, "Accept": {"x"}},
		},
		"impersonated without groups": {
			person: someone(t, "oidc:ann"),
			own:    http.Header{"Impersonate-User": {"oidc:ann"}, "Accept": {"x"}},
		},
		"with a token": {
			person: reviewedPerson(t, "system:serviceaccount:a:b", "token-1"),
			plain:  http.Header{"Authorization": {"Bearer token-1"}, "Accept": {"x"}},
		},
	} {
		var own, plain recorder
		transport, err := test.person.Transport(&own, &plain)
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
		answer, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if diff := cmp.Diff(test.own, own.header); diff != "" {
			t.Errorf("%s: with the server's credentials (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.plain, plain.header); diff != "" {
			t.Errorf("%s: without (-want +got):\n%s", name, diff)
		}
	}
}

func TestNoCallIsMadeForNobody(t *testing.T) {
	t.Parallel()
	if way, err := (auth.User{}).Transport(&recorder{}, &recorder{}); err == nil || way != nil {
		t.Errorf("nobody has a way to the API server: %v, %v", way, err)
	}
}

func TestATokenIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const token = "secret-token"
	person := reviewedPerson(t, "ann", token)
	transport, err := person.Transport(&recorder{}, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	inside := struct{ person auth.User }{person}
	for _, value := range []any{person, &person, inside, &inside, []auth.User{person}, map[string]any{"p": person}, transport} {
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
