package archive

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"
	"unicode"
)

type kind int

const (
	file kind = iota + 1
	folder
)

// contents are the entries of an archive.
type contents struct {
	kinds   map[string]kind // by path
	files   fstest.MapFS    // the CUE files
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
	c.files[name] = &fstest.MapFile{Data: text, Mode: 0o444}
	return nil
}

// module returns the root of the archive, or its only folder.
func (c *contents) module() (fs.FS, error) {
	const marker = "cue.mod/module.cue"
	if c.files[marker] != nil {
		return c.files, nil
	}
	entries, err := c.files.ReadDir(".")
	if err != nil || len(entries) != 1 {
		return nil, errNoModule
	}
	top := entries[0].Name()
	if c.files[top+"/"+marker] == nil {
		return nil, errNoModule
	}
	return fs.Sub(c.files, top)
}
