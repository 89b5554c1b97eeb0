// Package archive reads a CUE module out of a tar, plain or gzip'd, or a zip that a
// stranger made.
//
// The module is the archive's root, or its one folder. What is no CUE file is left out; a
// link, a device, a path that leads out or a name that comes twice spoils all of it. Nothing
// is written to a disk, and what is kept in memory has bounds, whatever the archive says of
// itself.
package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing/fstest"
)

// The media types of archives.
const (
	Gzip = "application/gzip"
	Tar  = "application/x-tar"
	Zip  = "application/zip"
)

// Bounds of what is in an archive. Our templates have a hundredth of the bytes.
const (
	maxBytes   = 8 << 20 // of a tar, and of what is kept of it
	maxFile    = 1 << 20
	maxEntries = 1000
	maxDepth   = 10
	maxName    = 512
)

// ErrTooLarge is the error of an archive that is beyond a bound. All others say that it is
// no archive, or one with something in it that does not belong there.
var ErrTooLarge = errors.New("too large")

var (
	errNoModule  = errors.New("there is no cue.mod/module.cue, neither at the top nor in one folder")
	errMediaType = errors.New("no archive's media type")
)

// Read returns the CUE files in an archive of a media type.
func Read(media string, content []byte) (fs.FS, error) {
	found := &contents{kinds: map[string]kind{}, files: fstest.MapFS{}}
	var err error
	switch media {
	case Gzip:
		err = found.readGzip(content)
	case Tar:
		err = found.readTar(bytes.NewReader(content))
	case Zip:
		err = found.readZip(content)
	default:
		err = errMediaType
	}
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return found.module()
}

func (c *contents) readGzip(content []byte) error {
	stream, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return err
	}
	return c.readTar(stream)
}

// capped ends a stream that unpacks to too much.
type capped struct {
	from io.Reader
	left int
}

// Read reads on, until too much has been read.
func (c *capped) Read(into []byte) (int, error) {
	if c.left == 0 {
		return 0, fmt.Errorf("%w: unpacked it has more than %d bytes", ErrTooLarge, maxBytes)
	}
	n, err := c.from.Read(into[:min(len(into), c.left)])
	c.left -= n
	return n, err
}
