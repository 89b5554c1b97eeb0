package templates

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing/fstest"
)

// maxSnapshot bounds the files of one set, in bytes. Ours have a fiftieth of it.
const maxSnapshot = 4 << 20

var (
	errTooLarge = fmt.Errorf("the templates are larger than %d bytes", maxSnapshot)
	errNoModule = errors.New("there is no cue.mod/module.cue: not a CUE module")
)

// Snapshot reads the CUE files below dir at one moment. In a mounted ConfigMap that is
// what the link ..data points to when the read begins: the kubelet replaces the link,
// never the files behind it.
func Snapshot(dir string) (fs.FS, error) {
	dir = revision(dir)
	files, size := fstest.MapFS{}, 0
	err := walk(dir, func(name string) error {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))) //nolint:gosec // The operator names the directory.
		if size += len(content); size > maxSnapshot {
			return errTooLarge
		}
		files[name] = &fstest.MapFile{Data: content, Mode: 0o444}
		return err
	})
	if err != nil {
		return nil, err
	}
	if files["cue.mod/module.cue"] == nil {
		return nil, fmt.Errorf("reading %s: %w", dir, errNoModule)
	}
	return files, nil
}

// revision is the folder that ..data points to, or dir where there is no such link.
func revision(dir string) string {
	if target, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		return target
	}
	return dir
}

// walk calls visit for each CUE file below dir, in lexical order.
func walk(dir string, visit func(name string) error) error {
	if _, err := os.Stat(dir); err != nil { // A walk would call it ".".
		return fmt.Errorf("reading the templates: %w", err)
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".cue" {
			return err
		}
		return visit(name)
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	return nil
}
