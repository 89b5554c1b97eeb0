package sysfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// How a driver may present a file.
const (
	asItIs = iota
	denied
	endless  // repeats the same bytes
	breaking // fails after what it has
	kinds
)

// FuzzTree has a driver offer a file of any name and content, huge, endless, unreadable
// or breaking off, beside a link to anywhere, itself included.
func FuzzTree(f *testing.F) {
	f.Add("sys/a/status", []byte("0\n"), uint16(1), "sys/a/link", "status", "*", byte(asItIs))
	f.Add("sys/a/huge", []byte("0123456789abcdef"), uint16(4096), "sys/a/loop", "loop", "l*", byte(asItIs))
	f.Add("sys/a/secret", []byte("s"), uint16(1), "sys/a/round", "../a", "round/round/*", byte(denied))
	f.Add("sys/a/trace", []byte("t"), uint16(1), "sys/a/out", "/etc/passwd", "*/*", byte(endless))
	f.Add("sys/a/power", []byte{0xff, 0}, uint16(3), "sys/a/up", "../../..", "u[p/*", byte(breaking))
	f.Fuzz(func(t *testing.T, name string, content []byte, times uint16, link, target, pattern string, kind byte) {
		content = bytes.Repeat(content[:min(len(content), 64)], int(times))
		driver := &driver{FS: folder(t, name, content, link, target), odd: name, kind: int(kind) % kinds, content: content}
		tree := sysfs.New(driver)
		for _, file := range []string{name, link, path.Join(link, path.Base(name))} {
			data, err := tree.Read(t.Context(), file)
			if len(data) > sysfs.MaxAttribute {
				t.Errorf("%q gave %d bytes", file, len(data))
			}
			if err == nil && !bytes.Equal(data, content) {
				t.Errorf("%q gave %q, want %q", file, data, content)
			}
			if head, _ := tree.Head(t.Context(), file, 2); len(head) > 2 || !bytes.HasPrefix(bytes.Repeat(content, 2), head) {
				t.Errorf("the head of %q is %q", file, head)
			}
		}
		if driver.most > sysfs.MaxAttribute+1 {
			t.Errorf("the driver was asked for %d bytes", driver.most)
		}
		holdsMatches(t, tree, pattern)
	})
}

// holdsMatches matches files with the pattern of a description.
func holdsMatches(t *testing.T, tree *sysfs.Tree, pattern string) {
	t.Helper()
	if path.Clean(pattern) != pattern || path.IsAbs(pattern) || strings.HasPrefix(pattern, "..") {
		return
	}
	matches := tree.Match("sys/a", pattern)
	if !slices.IsSorted(matches) {
		t.Errorf("%v are not sorted", matches)
	}
	for _, match := range matches {
		if !fs.ValidPath(match) || match != "sys/a" && !strings.HasPrefix(match, "sys/a/") {
			t.Errorf("%q leads out to %q", pattern, match)
		}
	}
}

// folder makes a real folder behind an os.Root, as in production, with one file and one
// link. A name that the disk does not take is left out.
func folder(t *testing.T, name string, content []byte, link, target string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	if fs.ValidPath(name) && root.MkdirAll(path.Dir(name), 0o700) == nil {
		_ = root.WriteFile(name, content, 0o600)
	}
	if fs.ValidPath(link) && root.MkdirAll(path.Dir(link), 0o700) == nil {
		_ = root.Symlink(target, link)
	}
	return root.FS()
}

// driver is a file system in which one file is odd.
type driver struct {
	fs.FS
	odd     string
	kind    int
	content []byte // of the odd file
	most    int    // bytes that were asked for at once
}

func (d *driver) Open(name string) (fs.File, error) {
	file, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	kind := asItIs
	if name == d.odd {
		kind = d.kind
	}
	if kind == denied {
		return nil, errors.Join(fs.ErrPermission, file.Close())
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return file, nil // with its own way to be read
	}
	return &oddFile{File: file, driver: d, kind: kind}, nil
}

type oddFile struct {
	fs.File
	driver *driver
	kind   int
}

func (f *oddFile) Read(into []byte) (int, error) {
	f.driver.most = max(f.driver.most, len(into))
	if f.kind == endless && len(f.driver.content) > 0 {
		return copy(into, f.driver.content), nil
	}
	n, err := f.File.Read(into)
	if err != nil && f.kind == breaking {
		err = errors.New("input/output error")
	}
	return n, err
}
