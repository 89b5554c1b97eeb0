package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// claims are the claims of a token whose signature and lifetime have been verified. They are
// read from the payload: go-oidc decodes it with encoding/json, which ignores the case of names
// and accepts numbers in strings.
type claims struct {
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
	var values map[string]json.RawMessage
	if err := json.Unmarshal(payload, &values); err != nil {
		return "", false
	}
	issuer, err := (&claims{values}).text("iss")
	return issuer, err == nil
}

func (o *OIDC) readClaims(payload []byte) (*claims, error) {
	values, err := decodeClaims(payload)
	if err != nil {
		return nil, err
	}
	result := &claims{values}
	issuer, err := result.text("iss")
	if err != nil {
		return nil, err
	}
	expiry, err := result.time("exp")
	if err != nil {
		return nil, err
	}
	notBefore, err := result.time("nbf")
	if err != nil {
		return nil, err
	}
	now := o.options.Clock()
	switch {
	case issuer != o.options.Issuer:
		return nil, &InvalidError{Reason: "the token has another issuer"}
	case !now.Add(-o.options.Skew).Before(expiry): // also without an expiry
		return nil, &InvalidError{Reason: "the token has expired"}
	case now.Add(o.options.Skew).Before(notBefore):
		return nil, &InvalidError{Reason: "the token is not valid yet"}
	}
	return result, nil
}

// decodeClaims rejects an object with names that are equal but for case: other readers of the
// token could use another of the values.
func decodeClaims(payload []byte) (map[string]json.RawMessage, error) {
	malformed := &InvalidError{Reason: "the token's claims are not a JSON object"}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, malformed
	}
	values, folded := map[string]json.RawMessage{}, map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, malformed
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, malformed
		}
		if folded[foldCase(name)] {
			return nil, &InvalidError{Reason: fmt.Sprintf("the claim %q occurs twice, in upper or lower case", clip(name))}
		}
		values[name], folded[foldCase(name)] = value, true
	}
	return values, nil
}

// foldCase maps names that encoding/json considers equal to one string.
func foldCase(name string) string {
	return strings.Map(func(r rune) rune {
		smallest := r
		for folded := unicode.SimpleFold(r); folded != r; folded = unicode.SimpleFold(folded) {
			smallest = min(smallest, folded)
		}
		return smallest
	}, name)
}

// maxTime, in seconds since 1970, is within the precision of JSON numbers.
const maxTime = 1 << 53

// time reads a claim in seconds since 1970. It returns the zero time without the claim.
func (c *claims) time(claim string) (time.Time, error) {
	raw, ok := c.values[claim]
	if !ok {
		return time.Time{}, nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil || seconds < 0 || seconds > maxTime {
		return time.Time{}, &InvalidError{Reason: "the claim " + claim + " is not a number of seconds"}
	}
	return time.Unix(int64(seconds), 0), nil
}

func (c *claims) text(claim string) (string, error) {
	var value string
	if err := json.Unmarshal(c.values[claim], &value); err != nil {
		return "", &InvalidError{Reason: "the claim " + claim + " is missing or not a string"}
	}
	return value, nil
}

// audience returns the audiences of the token. It is empty without a valid claim.
func (c *claims) audience() []string {
	var audience string
	if json.Unmarshal(c.values["aud"], &audience) == nil {
		return []string{audience}
	}
	var audiences []string
	if json.Unmarshal(c.values["aud"], &audiences) != nil {
		return nil
	}
	return audiences
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
	name, err := c.text(claim)
	if err != nil {
		return "", err
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
