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
	if target, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = target
	}
	files, size := fstest.MapFS{}, 0
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".cue" {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))) //nolint:gosec // The operator names the directory.
		if size += len(content); size > maxSnapshot {
			return errTooLarge
		}
		files[name] = &fstest.MapFile{Data: content, Mode: 0o444}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	if files["cue.mod/module.cue"] == nil {
		return nil, fmt.Errorf("reading %s: %w", dir, errNoModule)
	}
	return files, nil
}
