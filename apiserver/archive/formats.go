package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

func (c *contents) readTar(stream io.Reader) error {
	stream = &limitedReader{from: stream, left: maxBytes}
	entries := tar.NewReader(stream)
	for {
		entry, err := entries.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, err := io.Copy(io.Discard, stream) // gzip's checksum is at the end
			return err
		case err != nil:
			return err
		case entry.Typeflag == tar.TypeXGlobalHeader: // git archive begins with one
			continue
		case entry.Typeflag != tar.TypeReg && entry.Typeflag != tar.TypeDir:
			return notRegular(entry.Name)
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(entries), nil }
		if err := c.add(entry.Name, entry.Typeflag == tar.TypeDir, open); err != nil {
			return err
		}
	}
}

func (c *contents) readZip(content []byte) error {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		mode := entry.Mode()
		if mode.Type()&^fs.ModeDir != 0 {
			return notRegular(entry.Name)
		}
		if err := c.add(entry.Name, mode.IsDir(), entry.Open); err != nil {
			return err
		}
	}
	return nil
}

func notRegular(name string) error {
	return fmt.Errorf("%.100q is neither a file nor a folder", name)
}
