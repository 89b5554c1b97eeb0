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

// keyBytes is an AES-256 key's length.
const keyBytes = 32

// Keys seal what a browser is to keep and may neither read nor change. They come from a
// file with one key a line, 32 random bytes in base64, and comments after #. The first
// seals, all open: a key is replaced by putting the new one before it, and by removing the
// old one when nothing that it sealed is alive.
//
// The file is read again when it has changed. While it cannot be read, or is not well
// formed, the last keys that were hold.
type Keys struct {
	path string

	mu    sync.Mutex
	stamp stamp
	aeads []cipher.AEAD
}

// stamp tells one content of the file from another.
type stamp struct {
	modified int64
	size     int64
}

// NewKeys reads the file at path. Make one with: openssl rand -base64 32.
func NewKeys(path string) (*Keys, error) {
	keys := &Keys{path: path}
	if err := keys.refresh(); err != nil {
		return nil, fmt.Errorf("reading the session keys: %w", err)
	}
	return keys, nil
}

// refresh reads the file if it is not the one that was read last.
func (k *Keys) refresh() error {
	info, err := os.Stat(k.path) //nolint:gosec // whoever starts the server names the file
	if err != nil {
		return err
	}
	if now := stampOf(info); now != k.stamp {
		content, err := os.ReadFile(k.path) //nolint:gosec // as above
		if err != nil {
			return err
		}
		aeads, err := parseKeys(content)
		if err != nil {
			return fmt.Errorf("%s: %w", k.path, err)
		}
		k.aeads, k.stamp = aeads, now
	}
	return nil
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.ModTime().UnixNano(), info.Size()} }

// parseKeys quotes nothing of the file in its errors.
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

// newAEAD returns AES-GCM that puts a random nonce before what it seals.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k *Keys) current() []cipher.AEAD {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.refresh() // the last good keys hold
	return k.aeads
}

// seal makes content into text that only open reads, and only for the same purpose.
func (k *Keys) seal(purpose string, content []byte) string {
	sealed := k.current()[0].Seal(nil, nil, content, []byte(purpose)) //nolint:gosec // it makes its nonce itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// open is false for whatever these keys have not sealed for the purpose.
func (k *Keys) open(purpose, text string) ([]byte, bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, false
	}
	for _, aead := range k.current() {
		if content, err := aead.Open(nil, nil, sealed, []byte(purpose)); err == nil {
			return content, true
		}
	}
	return nil, false
}
