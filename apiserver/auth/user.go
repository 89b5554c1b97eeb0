package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a User. API servers reject headers of more than 1 MiB.
const (
	maxNameBytes = 256
	maxGroups    = 512
)

// reservedPrefix is the prefix of Kubernetes' own identities.
const reservedPrefix = "system:"

// User is the authenticated identity of a request. The zero User is unauthenticated, and no
// call can be made for it.
type User struct {
	name   string
	groups []string
	// token is set if the cluster authenticated the user by it. It is a pointer because fmt
	// prints unexported fields.
	token *string
}

// NewUser returns a user that a system other than Kubernetes has authenticated. It rejects
// names and groups that begin with "system:", which Kubernetes reserves, and values that an
// HTTP header would change.
func NewUser(name string, groups []string) (User, error) {
	if err := checkIdentity(name); err != nil {
		return User{}, fmt.Errorf("name: %w", err)
	}
	if len(groups) > maxGroups {
		return User{}, fmt.Errorf("groups: %d are more than the %d that a user may have", len(groups), maxGroups)
	}
	for i, group := range groups {
		if err := checkIdentity(group); err != nil {
			return User{}, fmt.Errorf("groups[%d]: %w", i, err)
		}
	}
	return User{name: name, groups: slices.Clone(groups)}, nil
}

func checkIdentity(value string) error {
	if strings.HasPrefix(value, reservedPrefix) {
		return fmt.Errorf("%q begins with %q, which Kubernetes reserves", clip(value), reservedPrefix)
	}
	return checkText(value)
}

// checkText rejects values that an HTTP header cannot carry unchanged.
func checkText(value string) error {
	switch {
	case value == "":
		return errors.New("empty")
	case len(value) > maxNameBytes:
		return fmt.Errorf("%d bytes are more than %d", len(value), maxNameBytes)
	case !utf8.ValidString(value):
		return errors.New("not UTF-8")
	case strings.ContainsFunc(value, isInvisible):
		return errors.New("has a control character or an invisible one")
	case strings.TrimSpace(value) != value:
		return errors.New("begins or ends with a space")
	}
	return nil
}

// isInvisible reports control and format characters and line separators, by which two different
// names look the same.
func isInvisible(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// clip bounds what an error quotes, and cuts no character.
func clip(value string) string {
	if len(value) <= 128 {
		return value
	}
	return strings.ToValidUTF8(value[:128], "")
}

// Name returns the name in Kubernetes; empty for the zero User.
func (u User) Name() string { return u.name }

// Groups returns the groups in Kubernetes, which itself adds system:authenticated.
func (u User) Groups() []string { return slices.Clone(u.groups) }

// IsZero reports whether the user is unauthenticated.
func (u User) IsZero() bool { return u.name == "" }

// Key identifies the user in caches: it is a hash of the name, the groups and the token.
func (u User) Key() [sha256.Size]byte {
	hash := sha256.New()
	write := func(value string) {
		_ = binary.Write(hash, binary.BigEndian, uint64(len(value))) // a hash does not fail
		_, _ = hash.Write([]byte(value))
	}
	write(u.name)
	for _, group := range u.groups {
		write(group)
	}
	if u.token != nil {
		write("\x00token") // groups have no control characters
		write(*u.token)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// String returns the name.
func (u User) String() string { return u.name }
