package auth

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// keyBytes is the length of an AES-256 key.
const keyBytes = 32

// Keys encrypt and authenticate cookies. They come from a file with one key a line, 32 random
// bytes in base64, and comments after #. The first key seals, all keys open: to rotate keys,
// insert the new key before the old one, and remove the old one when all that it sealed has
// expired.
//
// The file is read again when it changes. While it is unreadable or malformed, the previous
// keys stay in use.
type Keys struct {
	path   string
	report func(error) // may be nil

	mu       sync.Mutex
	revision revision
	aeads    []cipher.AEAD
	failure  string // the last reported error
}

// revision identifies a content of the file.
type revision struct {
	modified int64
	size     int64
}

// NewKeys reads the file at path. Create one with: openssl rand -base64 32.
func NewKeys(path string) (*Keys, error) {
	keys := &Keys{path: path}
	if err := keys.refresh(); err != nil {
		return nil, fmt.Errorf("reading the session keys: %w", err)
	}
	return keys, nil
}

// OnReload sets a function that is called with an error when the file becomes unreadable or
// malformed, and with nil when it is valid again. It must be set before the keys are used.
func (k *Keys) OnReload(report func(error)) { k.report = report }

// reportRefresh reports each error once, until the file is valid again.
func (k *Keys) reportRefresh(err error) {
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	if k.report != nil && failure != k.failure {
		k.report(err)
	}
	k.failure = failure
}

// refresh reads the file if it has changed.
func (k *Keys) refresh() error {
	info, err := os.Stat(k.path) //nolint:gosec // a flag names the file
	if err != nil {
		return err
	}
	if current := revisionOf(info); current != k.revision {
		content, err := os.ReadFile(k.path) //nolint:gosec // as above
		if err != nil {
			return err
		}
		aeads, err := parseKeys(content)
		if err != nil {
			return fmt.Errorf("%s: %w", k.path, err)
		}
		k.aeads, k.revision = aeads, current
	}
	return nil
}

func revisionOf(info fs.FileInfo) revision { return revision{info.ModTime().UnixNano(), info.Size()} }

// parseKeys does not quote the file in its errors.
func parseKeys(content []byte) ([]cipher.AEAD, error) {
	var aeads []cipher.AEAD
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != keyBytes {
			return nil, fmt.Errorf("line %d is not %d bytes in base64", n, keyBytes)
		}
		aead, err := newAEAD(key)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		aeads = append(aeads, aead)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(aeads) == 0 {
		return nil, errors.New("has no key")
	}
	return aeads, nil
}

// newAEAD returns AES-GCM with a random nonce that precedes the ciphertext.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// reloaded returns the keys in the file, which it reads if it has changed.
func (k *Keys) reloaded() []cipher.AEAD {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reportRefresh(k.refresh())
	return k.aeads
}

// seal encrypts content for open with the same purpose.
func (k *Keys) seal(purpose string, content []byte) string {
	sealed := k.reloaded()[0].Seal(nil, nil, content, []byte(purpose)) //nolint:gosec // it generates its nonce
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// open returns false unless one of the keys has sealed the text for the purpose.
func (k *Keys) open(purpose, text string) ([]byte, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, false
	}
	for _, aead := range k.reloaded() {
		if content, err := aead.Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return content, true
		}
	}
	return nil, false
}
