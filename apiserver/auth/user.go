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

// What a Person may be made of. API servers refuse headers of more than 1 MiB.
const (
	maxNameBytes = 256
	maxGroups    = 512
)

// reserved begins the names that Kubernetes gives to its own identities.
const reserved = "system:"

// User is who a request is made for. The zero User is nobody, and no call can be
// made for nobody.
type User struct {
	name   string
	groups []string
	// token is the person's own, if the cluster knows them by one. It is behind a pointer
	// so that not even fmt, which prints unexported fields, prints it.
	token *string
}

// NewUser returns a person whom another system than Kubernetes vouches for. It refuses
// the names and groups that begin with "system:", which are Kubernetes' own, and whatever
// would be read differently after a journey through an HTTP header.
func NewUser(name string, groups []string) (User, error) {
	if err := checkIdentity(name); err != nil {
		return User{}, fmt.Errorf("name: %w", err)
	}
	if len(groups) > maxGroups {
		return User{}, fmt.Errorf("groups: %d are more than the %d that a person may have", len(groups), maxGroups)
	}
	for i, group := range groups {
		if err := checkIdentity(group); err != nil {
			return User{}, fmt.Errorf("groups[%d]: %w", i, err)
		}
	}
	return User{name: name, groups: slices.Clone(groups)}, nil
}

func checkIdentity(value string) error {
	if strings.HasPrefix(value, reserved) {
		return fmt.Errorf("%q begins with %q, which is for Kubernetes' own identities", clip(value), reserved)
	}
	return checkText(value)
}

// checkText refuses what a header changes: it loses surrounding space and may not hold
// control characters.
func checkText(value string) error {
	switch {
	case value == "":
		return errors.New("empty")
	case len(value) > maxNameBytes:
		return fmt.Errorf("%d bytes are more than %d", len(value), maxNameBytes)
	case !utf8.ValidString(value):
		return errors.New("not UTF-8")
	case strings.ContainsFunc(value, unicode.IsControl):
		return errors.New("has a control character")
	case strings.TrimSpace(value) != value:
		return errors.New("begins or ends with a space")
	}
	return nil
}

// clip shortens what an error quotes.
func clip(value string) string { return value[:min(len(value), 128)] }

// Name returns the name as Kubernetes knows it; empty for the zero Person.
func (p User) Name() string { return p.name }

// Groups returns the person's groups as Kubernetes knows them. Kubernetes itself adds
// system:authenticated.
func (p User) Groups() []string { return slices.Clone(p.groups) }

// IsZero says whether this is nobody.
func (p User) IsZero() bool { return p.name == "" }

// Key tells persons apart in caches: it is equal for the same name, groups and token and
// gives none of them away.
func (p User) Key() [sha256.Size]byte {
	hash := sha256.New()
	write := func(value string) {
		_ = binary.Write(hash, binary.BigEndian, uint64(len(value))) // a hash takes every write
		_, _ = hash.Write([]byte(value))
	}
	write(p.name)
	for _, group := range p.groups {
		write(group)
	}
	if p.token != nil {
		write("\x00token") // no group has a control character
		write(*p.token)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// String returns the name.
func (p User) String() string { return p.name }
