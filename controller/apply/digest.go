package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// digest is short: it stands in status for each child.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// A mark is what an apply leaves behind: the digest of the manifest, and that of the entry
// which the API server made of it in the object's managed fields.
func mark(intent, owned string) string { return intent + "-" + owned }

// intentOf is the first half of a mark.
func intentOf(mark string) string {
	intent, _, _ := strings.Cut(mark, "-")
	return intent
}
