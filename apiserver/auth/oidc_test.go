package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/test/issuer"
)

func TestATokenOfTheProvidersIsItsBearer(t *testing.T) {
	t.Parallel()
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256} {
		key := issuer.NewKey(t, "one", alg)
		provider := issuer.New(t, now, key)
		person, err := open(t, optionsOf(provider)).Authenticate(bearing(t, key.Sign(t, provider.Claims(nil))))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if person.Name() != "oidc:ann" {
			t.Errorf("%s: the name is %q, want oidc:ann", alg, person.Name())
		}
		if diff := cmp.Diff([]string{"oidc:research"}, person.Groups()); diff != "" {
			t.Errorf("%s: groups (-want +got):\n%s", alg, diff)
		}
	}
}

func TestOnlyATokenThatHoldsIsBelieved(t *testing.T) {
	t.Parallel()
	key := issuer.NewKey(t, "one", jose.RS256)
	provider := issuer.New(t, now, key)
	opened := open(t, optionsOf(provider))
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, test := range map[string]struct {
		claims map[string]any
		want   string // part of the reason; empty: believed
	}{
		"as it should be":             {nil, ""},
		"expired":                     {map[string]any{"exp": at(-time.Minute)}, "expired"},
		"expired within the skew":     {map[string]any{"exp": at(-29 * time.Second)}, ""},
		"expired at the skew":         {map[string]any{"exp": at(-30 * time.Second)}, "expired"},
		"without an end":              {map[string]any{"exp": nil}, "expired"},
		"with a text for an end":      {map[string]any{"exp": "never"}, "malformed"},
		"not valid yet":               {map[string]any{"nbf": at(time.Minute)}, "not valid yet"},
		"not valid yet, by the skew":  {map[string]any{"nbf": at(29 * time.Second)}, ""},
		"with a text for a beginning": {map[string]any{"nbf": "soon"}, "malformed"},
		"for another audience":        {map[string]any{"aud": "grafana"}, "another audience"},
		"for two audiences":           {map[string]any{"aud": []string{"grafana", issuer.Audience}}, ""},
		"for nobody":                  {map[string]any{"aud": nil}, "another audience"},
		"of another issuer":           {map[string]any{"iss": "https://evil.example"}, "not of the provider"},
		"of an issuer with a slash":   {map[string]any{"iss": provider.URL + "/"}, "not of the provider"},
		"of no issuer":                {map[string]any{"iss": nil}, "not of the provider"},
		"without a name":              {map[string]any{"name": nil}, "name is missing"},
		"with an empty name":          {map[string]any{"name": ""}, "name: empty"},
		"with a number for a name":    {map[string]any{"name": 7}, "no text"},
		"with a line break in a name": {map[string]any{"name": "ann\r\nImpersonate-Group: system:masters"}, "control character"},
		"with a space after a name":   {map[string]any{"name": "ann "}, "space"},
		"with a long name":            {map[string]any{"name": strings.Repeat("a", 300)}, "more than"},
		"with one group":              {map[string]any{"groups": "research"}, ""},
		"without groups":              {map[string]any{"groups": nil}, ""},
		"with an object for groups":   {map[string]any{"groups": map[string]any{"a": 1}}, "neither"},
		"with a number among groups":  {map[string]any{"groups": []any{"a", 1}}, "neither"},
		"with an empty group":         {map[string]any{"groups": []string{"a", ""}}, "empty"},
		"with a group with a break":   {map[string]any{"groups": []string{"a\nb"}}, "control character"},
		"with groups to be asked for": {map[string]any{"groups": nil, "_claim_names": map[string]string{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://x"}}}, "elsewhere"},
		"with more groups than fit":   {map[string]any{"groups": tooManyGroups()}, "512"},
		"with Kubernetes' own group":  {map[string]any{"groups": []string{"system:masters"}}, ""}, // prefixed, see below
		"with Kubernetes' own name":   {map[string]any{"name": "system:admin"}, ""},
	} {
		person, err := opened.Authenticate(bearing(t, key.Sign(t, provider.Claims(test.claims))))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want == "":
			for _, value := range append(person.Groups(), person.Name()) {
				if !strings.HasPrefix(value, "oidc:") {
					t.Errorf("%s: %q has no prefix", name, value)
				}
			}
		default:
			wantInvalid(t, name, err, test.want)
			if !person.IsZero() {
				t.Errorf("%s: it is refused and is %s", name, person)
			}
		}
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
		t.Errorf("%s: the error is %v, want an invalid one with %q", name, err, want)
	}
}

func TestASignatureThatTheProviderDidNotMakeIsRefused(t *testing.T) {
	t.Parallel()
	key, other := issuer.NewKey(t, "one", jose.RS256), issuer.NewKey(t, "one", jose.RS256)
	provider := issuer.New(t, now, key)
	opened := open(t, optionsOf(provider))
	good := key.Sign(t, provider.Claims(nil))
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"another key of the same id":        other.Sign(t, provider.Claims(nil)),
		"a key that nobody has":             issuer.NewKey(t, "two", jose.ES256).Sign(t, provider.Claims(nil)),
		"alg none":                          issuer.Unsigned(t, provider.Claims(nil)),
		"alg none with the old signature":   issuer.Encode(t, map[string]string{"alg": "none", "kid": "one"}) + "." + parts[1] + "." + parts[2],
		"an HMAC with the public key":       key.Confuse(t, provider.Claims(nil)),
		"an HMAC with a shared key":         issuer.SignShared(t, provider.Claims(nil)),
		"the signature of other claims":     parts[0] + "." + issuer.Encode(t, provider.Claims(map[string]any{"name": "root"})) + "." + parts[2],
		"no signature":                      parts[0] + "." + parts[1] + ".",
		"a key that the token brings along": other.SignEmbedded(t, provider.Claims(nil)),
	} {
		_, err := opened.Authenticate(bearing(t, token))
		wantInvalid(t, name, err, "not signed by the provider")
	}
	if _, err := opened.Authenticate(bearing(t, good)); err != nil {
		t.Errorf("the token that they are made from: %v", err)
	}
}

func TestAnEmailHasToBeVerified(t *testing.T) {
	t.Parallel()
	key := issuer.NewKey(t, "one", jose.ES256)
	provider := issuer.New(t, now, key)
	options := optionsOf(provider)
	options.UsernameClaim = "email"
	opened := open(t, options)
	for verified, want := range map[any]bool{true: true, nil: true, false: false, "true": false} {
		claims := provider.Claims(map[string]any{"email": "ann@example.com", "email_verified": verified})
		if _, err := opened.Authenticate(bearing(t, key.Sign(t, claims))); (err == nil) != want {
			t.Errorf("email_verified %v: %v", verified, err)
		}
	}
}

func TestAKeyThatTheProviderRotatesInIsFetched(t *testing.T) {
	t.Parallel()
	first, second := issuer.NewKey(t, "one", jose.ES256), issuer.NewKey(t, "two", jose.ES256)
	provider := issuer.New(t, now, first)
	opened := open(t, optionsOf(provider))
	for _, key := range []issuer.Key{first, second} {
		provider.Rotate(key)
		if _, err := opened.Authenticate(bearing(t, key.Sign(t, provider.Claims(nil)))); err != nil {
			t.Fatalf("key %s: %v", key.ID, err)
		}
	}
	_, err := opened.Authenticate(bearing(t, first.Sign(t, provider.Claims(nil))))
	wantInvalid(t, "the key that was rotated out", err, "not signed by the provider")
}

func TestAKeyThatTheProviderTakesBackIsBelievedForAnHourAtMost(t *testing.T) {
	t.Parallel()
	stolen, good := issuer.NewKey(t, "one", jose.ES256), issuer.NewKey(t, "two", jose.ES256)
	provider := issuer.New(t, now, stolen, good)
	options, later := optionsOf(provider), time.Duration(0)
	options.Clock = func() time.Time { return now.Add(later) }
	opened := open(t, options)
	claims := provider.Claims(map[string]any{"exp": now.Add(24 * time.Hour).Unix()})
	try := func(key issuer.Key) error {
		_, err := opened.Authenticate(bearing(t, key.Sign(t, claims)))
		return err
	}
	if err := try(stolen); err != nil {
		t.Fatal(err)
	}
	provider.Rotate(good) // and nobody comes with a key that is new

	later += time.Hour
	provider.Down(true)
	for range 3 {
		if err := try(good); err != nil {
			t.Errorf("without the provider, its last keys: %v", err)
		}
		later += time.Hour
	}
	provider.Down(false)
	wantInvalid(t, "the key that was taken back", try(stolen), "not signed by the provider")
	if err := try(good); err != nil {
		t.Errorf("the key that is left: %v", err)
	}
}

func TestForgedKeyNamesDoNotFloodTheProvider(t *testing.T) {
	t.Parallel()
	key := issuer.NewKey(t, "one", jose.ES256)
	provider := issuer.New(t, now, key)
	opened := open(t, optionsOf(provider))
	begin := time.Now()
	const forgeries = 200
	for i := range forgeries {
		forged := issuer.Key{ID: fmt.Sprint("forged-", i), Alg: key.Alg, Private: key.Private}
		_, err := opened.Authenticate(bearing(t, forged.Sign(t, provider.Claims(nil))))
		wantInvalid(t, forged.ID, err, "not signed by the provider")
	}
	if most := 11 + int(time.Since(begin).Seconds()); provider.KeyFetches() > most {
		t.Errorf("%d forged tokens had the keys fetched %d times, want at most %d", forgeries, provider.KeyFetches(), most)
	}
	if _, err := opened.Authenticate(bearing(t, key.Sign(t, provider.Claims(nil)))); err != nil {
		t.Errorf("a good token afterwards: %v", err)
	}
}

func TestWithoutItsProviderNothingIsSaidOfAToken(t *testing.T) {
	t.Parallel()
	key := issuer.NewKey(t, "one", jose.ES256)
	provider := issuer.New(t, now, key)
	provider.Down(true)
	opened, err := auth.NewOIDC(t.Context(), optionsOf(provider))
	if err != nil {
		t.Fatal("the server does not start without its provider: ", err)
	}
	good := bearing(t, key.Sign(t, provider.Claims(nil)))
	if _, err := opened.Authenticate(good); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("before the provider is found: %v, want %v", err, auth.ErrUnavailable)
	}
	provider.Down(false)
	eventually(t, "the provider is found", func() bool { return opened.Ready() == nil })

	provider.Down(true)
	if _, err := opened.Authenticate(good); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("without keys: %v, want %v", err, auth.ErrUnavailable)
	}
	provider.Down(false)
	if _, err := opened.Authenticate(good); err != nil {
		t.Errorf("with keys: %v", err)
	}
	provider.Down(true)
	if _, err := opened.Authenticate(good); err != nil {
		t.Errorf("with keys that have been fetched: %v", err)
	}
}

func TestOptionsThatWouldBelieveTooMuchAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*auth.OIDCOptions){
		"username prefix: empty": func(o *auth.OIDCOptions) { o.UsernamePrefix = "" },
		"groups prefix: empty":   func(o *auth.OIDCOptions) { o.GroupsPrefix = "" },
		`begins with "system:"`:  func(o *auth.OIDCOptions) { o.GroupsPrefix = "system:" },
		"audience":               func(o *auth.OIDCOptions) { o.Audiences = nil },
		`"HS256" is none of`:     func(o *auth.OIDCOptions) { o.SigningAlgs = []string{"RS256", "HS256"} },
		`"none" is none of`:      func(o *auth.OIDCOptions) { o.SigningAlgs = []string{"none"} },
		"clock skew":             func(o *auth.OIDCOptions) { o.Skew = time.Hour },
		"not an https URL":       func(o *auth.OIDCOptions) { o.Issuer = "http://issuer.example.com" },
	} {
		options := auth.OIDCOptions{Issuer: "https://issuer.example.com", Audiences: []string{"a"}, UsernamePrefix: "o:", GroupsPrefix: "o:"}
		change(&options)
		if _, err := auth.NewOIDC(t.Context(), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}

// A prefix that is only the beginning of Kubernetes' own does not let a claim complete it.
func TestNoPrefixAndClaimTogetherAreKubernetesOwn(t *testing.T) {
	t.Parallel()
	key := issuer.NewKey(t, "one", jose.ES256)
	provider := issuer.New(t, now, key)
	options := optionsOf(provider)
	options.UsernamePrefix, options.GroupsPrefix = "sys", "sys"
	opened := open(t, options)
	for _, claims := range []map[string]any{{"name": "tem:admin"}, {"groups": []string{"tem:masters"}}} {
		_, err := opened.Authenticate(bearing(t, key.Sign(t, provider.Claims(claims))))
		wantInvalid(t, fmt.Sprint(claims), err, `begins with "system:"`)
	}
}
