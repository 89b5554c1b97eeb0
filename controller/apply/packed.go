package apply

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/dudaji/nufi/internal/cached"
)

// packed is a compressed manifest. A manifest is kept for each object but read only if something differs. Those of
// thousands of owners differ by little more than names: with the first manifest of a kind as the dictionary of all
// others, they take a tenth or less.
type packed struct {
	content    []byte
	dictionary *s2.Dict
}

// packer compresses manifests.
type packer struct {
	dictionaries cached.Shared[*s2.Dict]
}

// manifestPacker has the dictionaries of all manifests.
var manifestPacker packer //nolint:gochecknoglobals // Its state has no effect on results.

// pack compresses a manifest. Those of the same kind are similar.
func (p *packer) pack(kind string, body []byte) packed {
	dictionary := p.dictionaries.Get(kind, func() *s2.Dict { return s2.MakeDict(body, nil) })
	return packed{content: bytes.Clone(dictionary.Encode(nil, body)), dictionary: dictionary}
}

// unpack returns the manifest.
func (m packed) unpack() ([]byte, error) {
	body, err := m.dictionary.Decode(nil, m.content)
	if err != nil {
		return nil, fmt.Errorf("decompressing a manifest: %w", err)
	}
	return body, nil
}
