package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// claims are the claims of a token whose signature and lifetime have been verified.
type claims struct {
	token  *oidc.IDToken
	values map[string]json.RawMessage
}

// issuerOf returns the unverified issuer of a token.
func issuerOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var unverified struct {
		Issuer string `json:"iss"`
	}
	err = json.Unmarshal(payload, &unverified)
	return unverified.Issuer, err == nil
}

func (o *OIDC) readClaims(token *oidc.IDToken) (*claims, error) {
	result := &claims{token: token}
	if err := token.Claims(&result.values); err != nil {
		return nil, &InvalidError{Reason: "the token's claims are not a JSON object"}
	}
	now := o.options.Clock()
	switch notBefore, err := result.time("nbf"); {
	case err != nil:
		return nil, err
	case !now.Add(-o.options.Skew).Before(token.Expiry): // also without an expiry
		return nil, &InvalidError{Reason: "the token has expired"}
	case now.Add(o.options.Skew).Before(notBefore):
		return nil, &InvalidError{Reason: "the token is not valid yet"}
	}
	return result, nil
}

// time reads a claim in seconds since 1970. It returns the zero time without the claim.
func (c *claims) time(claim string) (time.Time, error) {
	raw, ok := c.values[claim]
	if !ok {
		return time.Time{}, nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return time.Time{}, &InvalidError{Reason: "the claim " + claim + " is not a number"}
	}
	return time.Unix(int64(seconds), 0), nil
}

// user returns the user of the claims, with the prefixes.
func (o *OIDC) user(c *claims) (User, error) {
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
	user, err := NewUser(o.options.UsernamePrefix+name, groups)
	if err != nil {
		return User{}, &InvalidError{Reason: err.Error()}
	}
	return user, nil
}

func (c *claims) name(claim string) (string, error) {
	var name string
	if err := json.Unmarshal(c.values[claim], &name); err != nil {
		return "", &InvalidError{Reason: "the claim " + claim + " is missing or not a string"}
	}
	if err := checkText(name); err != nil {
		return "", &InvalidError{Reason: "the claim " + claim + ": " + err.Error()}
	}
	if verified, ok := c.values["email_verified"]; claim == "email" && ok && string(verified) != "true" {
		return "", &InvalidError{Reason: "the claim email is not verified"}
	}
	return name, nil
}

// groups accepts a list or a single group. It rejects a token that refers to another source
// for the groups (OpenID Connect Core 5.6.2): the user would silently lose permissions.
func (c *claims) groups(claim string) ([]string, error) {
	raw, ok := c.values[claim]
	switch {
	case claim == "":
		return nil, nil
	case !ok || string(raw) == "null":
		return nil, c.checkNotDistributed(claim)
	}
	var group string
	if json.Unmarshal(raw, &group) == nil {
		return []string{group}, nil
	}
	var groups []string
	if err := json.Unmarshal(raw, &groups); err != nil {
		return nil, &InvalidError{Reason: "the claim " + claim + " is neither a string nor a list of strings"}
	}
	return groups, nil
}

func (c *claims) checkNotDistributed(claim string) error {
	var names map[string]json.RawMessage
	if raw, ok := c.values["_claim_names"]; ok {
		if err := json.Unmarshal(raw, &names); err != nil {
			return &InvalidError{Reason: "the claim _claim_names is not a JSON object"}
		}
	}
	if _, ok := names[claim]; ok {
		return &InvalidError{Reason: "the token refers to another source for the claim " + claim + ": configure the provider to send fewer groups"}
	}
	return nil
}
