package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// claims are those of a token whose signature and times hold.
type claims struct {
	token  *oidc.IDToken
	values map[string]json.RawMessage
}

// issuerOf reads the issuer that a token claims, to choose who checks it.
func issuerOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claimed struct {
		Issuer string `json:"iss"`
	}
	err = json.Unmarshal(payload, &claimed)
	return claimed.Issuer, err == nil
}

func (o *OIDC) readClaims(token *oidc.IDToken) (*claims, error) {
	read := &claims{token: token}
	if err := token.Claims(&read.values); err != nil {
		return nil, &InvalidError{Reason: "the token's claims are no JSON object"}
	}
	now := o.options.Clock()
	switch notBefore, err := read.time("nbf"); {
	case err != nil:
		return nil, err
	case !now.Add(-o.options.Skew).Before(token.Expiry): // also if there is none
		return nil, &InvalidError{Reason: "the token has expired"}
	case now.Add(o.options.Skew).Before(notBefore):
		return nil, &InvalidError{Reason: "the token is not valid yet"}
	}
	return read, nil
}

// time reads a claim of seconds since 1970; without the claim it is the zero time.
func (c *claims) time(claim string) (time.Time, error) {
	raw, ok := c.values[claim]
	if !ok {
		return time.Time{}, nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return time.Time{}, &InvalidError{Reason: "the claim " + claim + " is no number"}
	}
	return time.Unix(int64(seconds), 0), nil
}

// person makes the claims into a person with the prefixes.
func (o *OIDC) person(c *claims) (User, error) {
	name, err := c.name(o.options.UsernameClaim)
	if err != nil {
		return User{}, err
	}
	groups, err := c.groups(o.options.GroupsClaim)
	if err != nil {
		return User{}, err
	}
	for i := range groups {
		if err := checkText(groups[i]); err != nil {
			return User{}, &InvalidError{Reason: fmt.Sprintf("the claim %s: [%d]: %s", o.options.GroupsClaim, i, err)}
		}
		groups[i] = o.options.GroupsPrefix + groups[i]
	}
	person, err := NewUser(o.options.UsernamePrefix+name, groups)
	if err != nil {
		return User{}, &InvalidError{Reason: err.Error()}
	}
	return person, nil
}

func (c *claims) name(claim string) (string, error) {
	var name string
	if err := json.Unmarshal(c.values[claim], &name); err != nil {
		return "", &InvalidError{Reason: "the claim " + claim + " is missing, or no text"}
	}
	if err := checkText(name); err != nil {
		return "", &InvalidError{Reason: "the claim " + claim + ": " + err.Error()}
	}
	if verified, ok := c.values["email_verified"]; claim == "email" && ok && string(verified) != "true" {
		return "", &InvalidError{Reason: "the claim email is not verified"}
	}
	return name, nil
}

// groups accepts a list or a single group. A token may say that its groups are to be asked
// for elsewhere: without them the person would silently be less than they are.
func (c *claims) groups(claim string) ([]string, error) {
	raw, ok := c.values[claim]
	switch {
	case claim == "":
		return nil, nil
	case !ok || string(raw) == "null":
		return nil, c.elsewhere(claim)
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, &InvalidError{Reason: "the claim " + claim + " is neither a text nor a list of texts"}
	}
	return many, nil
}

func (c *claims) elsewhere(claim string) error {
	var names map[string]json.RawMessage
	if raw, ok := c.values["_claim_names"]; ok {
		if err := json.Unmarshal(raw, &names); err != nil {
			return &InvalidError{Reason: "the claim _claim_names is no JSON object"}
		}
	}
	if _, ok := names[claim]; ok {
		return &InvalidError{Reason: "the claim " + claim + " is not in the token, but elsewhere: have the provider send fewer groups"}
	}
	return nil
}
