package apply

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"

	"github.com/dudaji/nufi/internal/cached"
)

// packed is a compressed manifest. A manifest is kept for each object but read only if something differs. Those of
// thousands of owners differ by little more than names: with the first manifest of a kind as the dictionary of all
// others, they take a tenth or less.
type packed struct {
	content, dictionary []byte
}

// packer compresses manifests.
type packer struct {
	dictionaries     cached.Shared[[]byte]
	writers, readers sync.Pool // pooled, because a writer takes 1.2 MB
}

// manifestPacker has the dictionaries of all manifests.
var manifestPacker packer //nolint:gochecknoglobals // Its state has no effect on results.

// pack compresses a manifest. It writes the dictionary first and drops that output: flate.NewWriterDict would ignore the
// dictionary at the fastest level.
func (p *packer) pack(kind string, body []byte) (packed, error) {
	dictionary := p.dictionaries.Get(kind, func() []byte { return body })
	writer, ok := p.writers.Get().(*flate.Writer)
	if !ok {
		var err error
		if writer, err = flate.NewWriter(io.Discard, flate.BestSpeed); err != nil {
			return packed{}, err
		}
	}
	defer p.writers.Put(writer)
	var compressed bytes.Buffer
	writer.Reset(&compressed)
	_, err := writer.Write(dictionary)
	if err == nil {
		err = writer.Flush()
	}
	compressed.Reset()
	if err == nil {
		_, err = writer.Write(body)
	}
	if err == nil {
		err = writer.Close()
	}
	return packed{content: bytes.Clone(compressed.Bytes()), dictionary: dictionary}, err
}

// unpack returns the manifest.
func (p *packer) unpack(manifest packed) ([]byte, error) {
	reader, ok := p.readers.Get().(io.Reader)
	if !ok {
		reader = flate.NewReader(nil)
	}
	defer p.readers.Put(reader)
	var body bytes.Buffer
	err := reader.(flate.Resetter).Reset(bytes.NewReader(manifest.content), manifest.dictionary)
	if err == nil {
		_, err = body.ReadFrom(reader)
	}
	if err != nil {
		return nil, fmt.Errorf("decompressing a manifest: %w", err)
	}
	return body.Bytes(), nil
}
