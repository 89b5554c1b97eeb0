package archive

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode"
)

type kind int

const (
	file kind = iota + 1
	folder
)

// contents are the entries of an archive.
type contents struct {
	kinds   map[string]kind   // by path
	files   map[string][]byte // the CUE files, by path
	entries int
	bytes   int
}

// add adds an entry. It calls open for CUE files.
func (c *contents) add(name string, isFolder bool, open func() (io.ReadCloser, error)) error {
	if c.entries++; c.entries > maxEntries {
		return fmt.Errorf("%w: it has more than %d entries", ErrTooLarge, maxEntries)
	}
	name, err := clean(name)
	if err != nil {
		return err
	}
	if isFolder {
		return c.claim(name, folder)
	}
	if err := c.claim(name, file); err != nil {
		return err
	}
	if path.Ext(name) != ".cue" {
		return nil
	}
	content, err := open()
	if err != nil {
		return err
	}
	return c.keep(name, content)
}

// clean returns the path of an entry without a leading "./" and a folder's slash.
func clean(name string) (string, error) {
	path := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if path == "" && name == "./" {
		return ".", nil
	}
	isOdd := func(r rune) bool { return r == '\\' || !unicode.IsPrint(r) }
	if !fs.ValidPath(path) || strings.ContainsFunc(path, isOdd) {
		return "", fmt.Errorf("%.100q is no path within it", name)
	}
	if len(path) > maxName || strings.Count(path, "/") >= maxDepth {
		return "", fmt.Errorf("%w: the path %.100q is too long or too deep", ErrTooLarge, name)
	}
	return path, nil
}

// claim rejects duplicate paths, and paths that are both a file and a folder.
func (c *contents) claim(name string, as kind) error {
	if existing := c.kinds[name]; existing == file || existing == folder && as == file {
		return fmt.Errorf("%.100q is in it twice", name)
	}
	c.kinds[name] = as
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		if c.kinds[parent] == file {
			return fmt.Errorf("%.100q is in it as a file and as a folder", parent)
		}
		c.kinds[parent] = folder
	}
	return nil
}

func (c *contents) keep(name string, content io.ReadCloser) error {
	defer func() { _ = content.Close() }() // opened for reading
	text, err := io.ReadAll(io.LimitReader(content, maxFile+1))
	if err != nil {
		return err
	}
	if c.bytes += len(text); len(text) > maxFile || c.bytes > maxBytes {
		return fmt.Errorf("%w: up to %.100q: a file may have %d bytes, all of them %d", ErrTooLarge, name, maxFile, maxBytes)
	}
	c.files[name] = text
	return nil
}

// module returns the files below the root of the archive, or below its only folder.
func (c *contents) module() (fs.FS, error) {
	const marker = "cue.mod/module.cue"
	root := "."
	if c.files[marker] == nil {
		root = onlyFolder(c.files)
	}
	if c.files[path.Join(root, marker)] == nil {
		return nil, errNoModule
	}
	files, err := newFS(c.files)
	if err != nil {
		return nil, err
	}
	return fs.Sub(files, root)
}

// onlyFolder returns the folder that contains all files, or "." without such a folder.
func onlyFolder(files map[string][]byte) string {
	only := "."
	for name := range files {
		top, _, isNested := strings.Cut(name, "/")
		if !isNested || only != "." && top != only {
			return "."
		}
		only = top
	}
	return only
}

// newFS returns a file system of the files: a zip that does not compress.
func newFS(files map[string][]byte) (fs.FS, error) {
	var packed bytes.Buffer
	writer := zip.NewWriter(&packed)
	for name, content := range files {
		entry, err := writer.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
}
