package templates

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

const (
	// maxSnapshot bounds the files of one set, in bytes. The compiled-in set has a fiftieth.
	maxSnapshot = 4 << 20
	// maxPacked bounds the compressed files of one set, in bytes: an object of Kubernetes, which keeps
	// a set, is at most 1.5 MiB, and a third of that is the overhead of base64.
	maxPacked = 1 << 20
	// settled is the age from which a file's time identifies its content: file systems count
	// in steps of up to two seconds.
	settled = 2 * time.Second
)

var (
	errTooLarge = fmt.Errorf("the templates are larger than %d bytes", maxSnapshot)
	errNoModule = errors.New("there is no cue.mod/module.cue: not a CUE module")
)

// Snapshot reads the CUE files below dir. In a mounted ConfigMap it reads the folder that the link ..data
// pointed to at the beginning: the kubelet replaces the link, never the files behind it.
func Snapshot(dir string) (fs.FS, error) {
	dir = revision(dir)
	var archive bytes.Buffer
	writer, size := zip.NewWriter(&archive), 0
	err := walk(dir, func(name string) error {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))) //nolint:gosec // The operator names the directory.
		if err != nil {
			return err
		}
		if size += len(content); size > maxSnapshot {
			return errTooLarge
		}
		return addFile(writer, name, content, zip.Store)
	})
	if err := errors.Join(err, writer.Close()); err != nil {
		return nil, err
	}
	files, err := Unpack(archive.Bytes())
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(files, "cue.mod/module.cue"); err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, errNoModule)
	}
	return files, nil
}

// Pack returns the files of a set as a compressed zip: its form on the way to the child, and in a
// ControllerRevision.
func Pack(set fs.FS) ([]byte, error) {
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	err := fs.WalkDir(set, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(set, name)
		if err != nil {
			return err
		}
		return addFile(writer, name, content, zip.Deflate)
	})
	if err := errors.Join(err, writer.Close()); err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	return archive.Bytes(), nil
}

func addFile(archive *zip.Writer, name string, content []byte, method uint16) error {
	writer, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		return err
	}
	_, err = writer.Write(content)
	return err
}

// Unpack returns the files of a set that Pack returned.
func Unpack(archive []byte) (fs.FS, error) {
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	return files, nil
}

// revision returns the directory that the link ..data points to, or dir without such a link.
func revision(dir string) string {
	if target, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		return target
	}
	return dir
}

// fingerprint changes with the CUE files below dir, and costs no read of them: it is a hash of
// the revision and each file's name, size and time. It is empty if a file changed too
// recently for its time to identify it, or cannot be inspected.
func fingerprint(dir string, now time.Time) string {
	dir = revision(dir)
	hash := sha256.New()
	_, _ = io.WriteString(hash, dir)
	isSettled := true
	err := walk(dir, func(name string) error {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))) // The target of a link, not the link.
		if err != nil {
			return err
		}
		isSettled = isSettled && now.Sub(info.ModTime()) > settled
		_, err = fmt.Fprintf(hash, "\n%s %d %d", name, info.Size(), info.ModTime().UnixNano())
		return err
	})
	if err != nil || !isSettled {
		return ""
	}
	return string(hash.Sum(nil))
}

// walk calls visit for each CUE file below dir, in lexical order.
func walk(dir string, visit func(name string) error) error {
	if _, err := os.Stat(dir); err != nil { // The error of a walk has the name ".".
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
