// Package archive reads a CUE module from an untrusted tar, plain or compressed by gzip, or zip.
//
// The module is the archive's root, or its only folder. Files other than CUE files are skipped.
// An archive with a link, a device, a path outside of it or a duplicate name is rejected.
// Nothing is written to a disk, and the use of memory is bounded.
package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// The media types of archives.
const (
	Gzip = "application/gzip"
	Tar  = "application/x-tar"
	Zip  = "application/zip"
)

// Bounds of an archive. The templates of this repository have a hundredth of the bytes.
const (
	maxBytes   = 8 << 20 // of a tar, and of its CUE files
	maxFile    = 1 << 20
	maxEntries = 1000
	maxDepth   = 10
	maxName    = 512
)

// ErrTooLarge reports an archive that exceeds a bound. All other errors report a malformed
// archive, or one with an entry that is not allowed.
var ErrTooLarge = errors.New("too large")

var (
	errNoModule  = errors.New("there is no cue.mod/module.cue, neither at the top nor in one folder")
	errMediaType = errors.New("no archive's media type")
)

// Read returns the CUE files in an archive of a media type.
func Read(media string, content []byte) (fs.FS, error) {
	result := &contents{kinds: map[string]kind{}, files: map[string][]byte{}}
	var err error
	switch media {
	case Gzip:
		err = result.readGzip(content)
	case Tar:
		err = result.readTar(bytes.NewReader(content))
	case Zip:
		err = result.readZip(content)
	default:
		err = errMediaType
	}
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return result.module()
}

func (c *contents) readGzip(content []byte) error {
	stream, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return err
	}
	return c.readTar(stream)
}

// limitedReader bounds the uncompressed size.
type limitedReader struct {
	from io.Reader
	left int
}

// Read returns ErrTooLarge beyond the bound.
func (c *limitedReader) Read(into []byte) (int, error) {
	if c.left == 0 {
		return 0, fmt.Errorf("%w: unpacked it has more than %d bytes", ErrTooLarge, maxBytes)
	}
	n, err := c.from.Read(into[:min(len(into), c.left)])
	c.left -= n
	return n, err
}
