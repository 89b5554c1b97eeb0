package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/harness/oidctest"
)

func TestProviderTokenIsAccepted(t *testing.T) {
	t.Parallel()
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256} {
		key := oidctest.NewKey(t, "one", alg)
		provider := oidctest.New(t, now, key)
		user, err := newOIDC(t, optionsOf(provider)).Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(nil))))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if user.Name() != "oidc:ann" {
			t.Errorf("%s: the name is %q, want oidc:ann", alg, user.Name())
		}
		if diff := cmp.Diff([]string{"oidc:research"}, user.Groups()); diff != "" {
			t.Errorf("%s: groups (-want +got):\n%s", alg, diff)
		}
	}
}

func TestInvalidTokenClaimsAreRejected(t *testing.T) {
	t.Parallel()
	key := oidctest.NewKey(t, "one", jose.RS256)
	provider := oidctest.New(t, now, key)
	authenticator := newOIDC(t, optionsOf(provider))
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, test := range map[string]struct {
		claims map[string]any
		want   string // part of the reason; empty: accepted
	}{
		"valid":                       {nil, ""},
		"expired":                     {map[string]any{"exp": at(-time.Minute)}, "expired"},
		"expired within the skew":     {map[string]any{"exp": at(-29 * time.Second)}, ""},
		"expired at the skew":         {map[string]any{"exp": at(-30 * time.Second)}, "expired"},
		"without expiry":              {map[string]any{"exp": nil}, "expired"},
		"expiry is a string":          {map[string]any{"exp": "never"}, "malformed"},
		"not valid yet":               {map[string]any{"nbf": at(time.Minute)}, "not valid yet"},
		"not valid yet, by the skew":  {map[string]any{"nbf": at(29 * time.Second)}, ""},
		"nbf is a string":             {map[string]any{"nbf": "soon"}, "malformed"},
		"for another audience":        {map[string]any{"aud": "grafana"}, "another audience"},
		"for two audiences":           {map[string]any{"aud": []string{"grafana", oidctest.Audience}}, ""},
		"without an audience":         {map[string]any{"aud": nil}, "another audience"},
		"of another issuer":           {map[string]any{"iss": "https://evil.example"}, "has not issued"},
		"of an issuer with a slash":   {map[string]any{"iss": provider.URL + "/"}, "has not issued"},
		"of no issuer":                {map[string]any{"iss": nil}, "has not issued"},
		"without a name":              {map[string]any{"name": nil}, "name is missing"},
		"with an empty name":          {map[string]any{"name": ""}, "name: empty"},
		"with a number for a name":    {map[string]any{"name": 7}, "not a string"},
		"with a line break in a name": {map[string]any{"name": "ann\r\nImpersonate-Group: system:masters"}, "control character"},
		"with a space after a name":   {map[string]any{"name": "ann "}, "space"},
		"with a long name":            {map[string]any{"name": strings.Repeat("a", 300)}, "more than"},
		"with one group":              {map[string]any{"groups": "research"}, ""},
		"without groups":              {map[string]any{"groups": nil}, ""},
		"with an object for groups":   {map[string]any{"groups": map[string]any{"a": 1}}, "neither"},
		"with a number among groups":  {map[string]any{"groups": []any{"a", 1}}, "neither"},
		"with an empty group":         {map[string]any{"groups": []string{"a", ""}}, "empty"},
		"with a group with a break":   {map[string]any{"groups": []string{"a\nb"}}, "control character"},
		"with distributed groups":     {map[string]any{"groups": nil, "_claim_names": map[string]string{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://x"}}}, "another source"},
		"with malformed references":   {map[string]any{"groups": nil, "_claim_names": []string{"groups"}}, "malformed"},
		"with references elsewhere":   {map[string]any{"groups": nil, "_claim_names": map[string]string{"address": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://x"}}}, ""},
		"with null for groups":        {map[string]any{"groups": json.RawMessage("null")}, ""},
		"with more groups than fit":   {map[string]any{"groups": tooManyGroups()}, "512"},
		"with a reserved group":       {map[string]any{"groups": []string{"system:masters"}}, ""}, // prefixed, see below
		"with a reserved name":        {map[string]any{"name": "system:admin"}, ""},
	} {
		user, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(test.claims))))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want == "":
			for _, value := range append(user.Groups(), user.Name()) {
				if !strings.HasPrefix(value, "oidc:") {
					t.Errorf("%s: %q has no prefix", name, value)
				}
			}
		default:
			wantInvalid(t, name, err, test.want)
			if !user.IsZero() {
				t.Errorf("%s: rejected, but the user is %s", name, user)
			}
		}
	}
}

// encoding/json, and with it go-oidc, ignores the case of names and accepts numbers in strings.
func TestClaimsAreReadExactly(t *testing.T) {
	t.Parallel()
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, now, key)
	authenticator := newOIDC(t, optionsOf(provider))
	exp := strconv.FormatInt(now.Add(time.Hour).Unix(), 10)
	iss, aud := fmt.Sprintf(`"iss":%q`, provider.URL), fmt.Sprintf(`"aud":%q`, oidctest.Audience)
	for name, test := range map[string]struct{ claims, want string }{
		"exact names":            {iss + "," + aud + `,"exp":` + exp, ""},
		"a fraction of a second": {iss + "," + aud + `,"exp":` + exp + ".5", ""},
		"EXP":                    {iss + "," + aud + `,"EXP":` + exp, "expired"},
		"AUD":                    {iss + `,"AUD":"` + oidctest.Audience + `","exp":` + exp, "another audience"},
		"ISS":                    {strings.Replace(iss, "iss", "ISS", 1) + "," + aud + `,"exp":` + exp, "has not issued"},
		"iss with a long s":      {strings.Replace(iss, "iss", "is\u017f", 1) + "," + aud + `,"exp":` + exp, "has not issued"},
		"exp twice":              {iss + "," + aud + `,"exp":1,"exp":` + exp, "occurs twice"},
		"exp and Exp":            {iss + "," + aud + `,"Exp":` + exp + `,"exp":1`, "occurs twice"},
		"aud and AUD":            {iss + `,"aud":"grafana","AUD":"` + oidctest.Audience + `","exp":` + exp, "occurs twice"},
		"iss and i\u017fs":       {`"i\u017fs":"a",` + iss + "," + aud + `,"exp":` + exp, "occurs twice"},
		"exp as a string":        {iss + "," + aud + `,"exp":"` + exp + `"`, "not a number"},
		"nbf as a string":        {iss + "," + aud + `,"nbf":"1","exp":` + exp, "not a number"},
		"exp out of range":       {iss + "," + aud + `,"exp":1e300`, "not a number"},
		"a negative nbf":         {iss + "," + aud + `,"nbf":-1,"exp":` + exp, "not a number"},
		"name and NAME":          {iss + "," + aud + `,"exp":` + exp + `,"NAME":"x"`, "occurs twice"},
	} {
		token := key.Sign(t, json.RawMessage(`{"name":"ann",`+test.claims+`}`))
		_, err := authenticator.Authenticate(requestWithToken(t, token))
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantInvalid(t, name, err, test.want)
	}
}

func tooManyGroups() []string {
	groups := make([]string, 513)
	for i := range groups {
		groups[i] = fmt.Sprint("group-", i)
	}
	return groups
}

func wantInvalid(t *testing.T, name string, err error, want string) {
	t.Helper()
	var invalid *auth.InvalidError
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: the error is %v, want an InvalidError with %q", name, err, want)
	}
}

func TestForgedSignaturesAreRejected(t *testing.T) {
	t.Parallel()
	key, other := oidctest.NewKey(t, "one", jose.RS256), oidctest.NewKey(t, "one", jose.RS256)
	provider := oidctest.New(t, now, key)
	authenticator := newOIDC(t, optionsOf(provider))
	valid := key.Sign(t, provider.Claims(nil))
	parts := strings.Split(valid, ".")
	for name, token := range map[string]string{
		"another key of the same id":    other.Sign(t, provider.Claims(nil)),
		"an unknown key":                oidctest.NewKey(t, "two", jose.ES256).Sign(t, provider.Claims(nil)),
		"alg none":                      oidctest.Unsigned(t, provider.Claims(nil)),
		"alg none with a signature":     oidctest.Encode(t, map[string]string{"alg": "none", "kid": "one"}) + "." + parts[1] + "." + parts[2],
		"an HMAC with the public key":   key.Confuse(t, provider.Claims(nil)),
		"an HMAC with a shared key":     oidctest.SignShared(t, provider.Claims(nil)),
		"the signature of other claims": parts[0] + "." + oidctest.Encode(t, provider.Claims(map[string]any{"name": "root"})) + "." + parts[2],
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"a key embedded in the token":   other.SignEmbedded(t, provider.Claims(nil)),
	} {
		_, err := authenticator.Authenticate(requestWithToken(t, token))
		wantInvalid(t, name, err, "not signed by the provider")
	}
	if _, err := authenticator.Authenticate(requestWithToken(t, valid)); err != nil {
		t.Errorf("the valid token: %v", err)
	}
}

func TestEmailMustBeVerified(t *testing.T) {
	t.Parallel()
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, now, key)
	options := optionsOf(provider)
	options.UsernameClaim = "email"
	authenticator := newOIDC(t, options)
	for verified, want := range map[any]bool{true: true, nil: true, false: false, "true": false} {
		claims := provider.Claims(map[string]any{"email": "ann@example.com", "email_verified": verified})
		if _, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, claims))); (err == nil) != want {
			t.Errorf("email_verified %v: %v", verified, err)
		}
	}
}

func TestRotatedKeyIsFetched(t *testing.T) {
	t.Parallel()
	first, second := oidctest.NewKey(t, "one", jose.ES256), oidctest.NewKey(t, "two", jose.ES256)
	provider := oidctest.New(t, now, first)
	authenticator := newOIDC(t, optionsOf(provider))
	for _, key := range []oidctest.Key{first, second} {
		provider.Rotate(key)
		if _, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(nil)))); err != nil {
			t.Fatalf("key %s: %v", key.ID, err)
		}
	}
	_, err := authenticator.Authenticate(requestWithToken(t, first.Sign(t, provider.Claims(nil))))
	wantInvalid(t, "the key that was rotated out", err, "not signed by the provider")
}

func TestWithdrawnKeyIsTrustedForAnHourAtMost(t *testing.T) {
	t.Parallel()
	withdrawn, valid := oidctest.NewKey(t, "one", jose.ES256), oidctest.NewKey(t, "two", jose.ES256)
	provider := oidctest.New(t, now, withdrawn, valid)
	options, later := optionsOf(provider), time.Duration(0)
	options.Clock = func() time.Time { return now.Add(later) }
	authenticator := newOIDC(t, options)
	claims := provider.Claims(map[string]any{"exp": now.Add(24 * time.Hour).Unix()})
	try := func(key oidctest.Key) error {
		_, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, claims)))
		return err
	}
	if err := try(withdrawn); err != nil {
		t.Fatal(err)
	}
	provider.Rotate(valid)

	later += time.Hour
	provider.Down(true)
	for range 3 {
		if err := try(valid); err != nil {
			t.Errorf("with the provider down: %v", err)
		}
		later += time.Hour
	}
	provider.Down(false)
	wantInvalid(t, "the withdrawn key", try(withdrawn), "not signed by the provider")
	if err := try(valid); err != nil {
		t.Errorf("the remaining key: %v", err)
	}
}

func TestUnknownKeyIDsAreRateLimited(t *testing.T) {
	t.Parallel()
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, now, key)
	authenticator := newOIDC(t, optionsOf(provider))
	start := time.Now()
	const forgeries = 200
	for i := range forgeries {
		forged := oidctest.Key{ID: fmt.Sprint("forged-", i), Alg: key.Alg, Private: key.Private}
		_, err := authenticator.Authenticate(requestWithToken(t, forged.Sign(t, provider.Claims(nil))))
		wantInvalid(t, forged.ID, err, "not signed by the provider")
	}
	if limit := 11 + int(time.Since(start).Seconds()); provider.KeyFetches() > limit {
		t.Errorf("%d forged tokens caused %d key fetches, want at most %d", forgeries, provider.KeyFetches(), limit)
	}
	if _, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(nil)))); err != nil {
		t.Errorf("a valid token afterwards: %v", err)
	}
}

func TestUnreachableProviderIsUnavailable(t *testing.T) {
	t.Parallel()
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, now, key)
	provider.Down(true)
	authenticator, err := auth.NewOIDC(t.Context(), optionsOf(provider))
	if err != nil {
		t.Fatal("starting without the provider: ", err)
	}
	valid := requestWithToken(t, key.Sign(t, provider.Claims(nil)))
	if _, err := authenticator.Authenticate(valid); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("before discovery: %v, want %v", err, auth.ErrUnavailable)
	}
	provider.Down(false)
	eventually(t, "discovery", func() bool { return authenticator.Ready() == nil })

	provider.Down(true)
	if _, err := authenticator.Authenticate(valid); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("without keys: %v, want %v", err, auth.ErrUnavailable)
	}
	provider.Down(false)
	if _, err := authenticator.Authenticate(valid); err != nil {
		t.Errorf("with keys: %v", err)
	}
	provider.Down(true)
	if _, err := authenticator.Authenticate(valid); err != nil {
		t.Errorf("with cached keys: %v", err)
	}
}

func TestUnsafeOptionsAreRejected(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*auth.OIDCOptions){
		"username prefix: empty": func(o *auth.OIDCOptions) { o.UsernamePrefix = "" },
		"groups prefix: empty":   func(o *auth.OIDCOptions) { o.GroupsPrefix = "" },
		`begins with "system:"`:  func(o *auth.OIDCOptions) { o.GroupsPrefix = "system:" },
		"audience":               func(o *auth.OIDCOptions) { o.Audiences = nil },
		"clock skew":             func(o *auth.OIDCOptions) { o.Skew = time.Hour },
		"must be an https URL":   func(o *auth.OIDCOptions) { o.Issuer = "http://issuer.example.com" },
	} {
		options := auth.OIDCOptions{Issuer: "https://issuer.example.com", Audiences: []string{"a"}, UsernamePrefix: "o:", GroupsPrefix: "o:"}
		change(&options)
		if _, err := auth.NewOIDC(t.Context(), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}

func TestPrefixAndClaimCannotFormReservedName(t *testing.T) {
	t.Parallel()
	key := oidctest.NewKey(t, "one", jose.ES256)
	provider := oidctest.New(t, now, key)
	options := optionsOf(provider)
	options.UsernamePrefix, options.GroupsPrefix = "sys", "sys"
	authenticator := newOIDC(t, options)
	for _, claims := range []map[string]any{{"name": "tem:admin"}, {"groups": []string{"tem:masters"}}} {
		_, err := authenticator.Authenticate(requestWithToken(t, key.Sign(t, provider.Claims(claims))))
		wantInvalid(t, fmt.Sprint(claims), err, `begins with "system:"`)
	}
}
