// Package sysfs reads a host's tree with bounds on time and size.
//
// A sysfs attribute is a call into a driver: it may block while the device is stuck; it
// may be huge, binary, unreadable or removed. A read here returns within its context, and
// at most one page of bytes.
//
// Invariants: readers of one file share the read in progress, so that a stuck driver costs
// one goroutine per attribute however often and long it is read; every path is resolved by the
// fs.FS, which bounds what a link may reach.
//
// It imports nothing else of the device plugin.
package sysfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// MaxAttribute is the kernel's maximum: one page.
const MaxAttribute = 4096

// ErrTooLong is the error of a file with more than MaxAttribute bytes.
var ErrTooLong = errors.New("longer than a page")

// Tree is a host's file tree, or a part of one that holds sys and dev.
type Tree struct {
	fsys fs.FS

	mu    sync.Mutex
	reads map[head]*read // in progress
}

// head is the first bytes of a file.
type head struct {
	name  string
	bytes int64
}

// read is complete when done is closed. It does not know who waits for it.
type read struct {
	done chan struct{}
	data []byte
	err  error
}

// New returns a Tree of a file system whose root is the host's root.
func New(fsys fs.FS) *Tree {
	return &Tree{fsys: fsys, reads: map[head]*read{}}
}

// Read returns a file's bytes. Its errors are ErrTooLong, the context's, and the
// file system's own, such as fs.ErrNotExist.
func (t *Tree) Read(ctx context.Context, name string) ([]byte, error) {
	data, err := t.Head(ctx, name, MaxAttribute+1)
	if len(data) > MaxAttribute {
		return nil, fmt.Errorf("reading %s: %w", name, ErrTooLong)
	}
	return data, err
}

// Head returns at most the first n bytes of a file, and reads no more of the driver.
func (t *Tree) Head(ctx context.Context, name string, n int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := t.read(head{name, n})
	select {
	case <-r.done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("reading %s: %w", name, ctx.Err())
	}
}

// read returns the read in progress, or begins one.
func (t *Tree) read(of head) *read {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.reads[of]; r != nil {
		return r
	}
	r := &read{done: make(chan struct{})}
	t.reads[of] = r
	go func() {
		defer close(r.done)
		r.data, r.err = readHead(t.fsys, of.name, of.bytes)
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.reads, of)
	}()
	return r
}

// Attribute returns a file's text without the white space around it.
func (t *Tree) Attribute(ctx context.Context, name string) (string, error) {
	data, err := t.Read(ctx, name)
	return strings.TrimSpace(string(data)), err
}

// Number returns the number that an attribute's text is: most drivers write integers, some fractions.
func Number(text string) (float64, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(number) || math.IsInf(number, 0)) {
		err = strconv.ErrSyntax
	}
	return number, err
}

// Match returns the paths below dir that match a pattern, sorted.
func (t *Tree) Match(dir, pattern string) []string {
	if !plain(dir) {
		return nil
	}
	names, err := fs.Glob(t.fsys, path.Join(dir, pattern))
	if err != nil {
		return nil // a malformed pattern matches nothing; descriptions are validated
	}
	slices.Sort(names)
	return names
}

// Names returns the names in a directory, sorted.
func (t *Tree) Names(dir string) ([]string, error) {
	entries, err := fs.ReadDir(t.fsys, dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// Target returns what a link points to, unresolved.
func (t *Tree) Target(name string) (string, error) {
	return fs.ReadLink(t.fsys, name)
}

// Exists reports whether a file exists and can be inspected.
func (t *Tree) Exists(name string) bool {
	return t.Inspect(name) == nil
}

// Inspect returns why a file cannot be inspected: fs.ErrNotExist, or another error of the file system.
func (t *Tree) Inspect(name string) error {
	_, err := fs.Stat(t.fsys, name)
	return err
}

// plain reports whether a directory's name has no wildcards.
func plain(dir string) bool {
	return !strings.ContainsAny(dir, `*?[\`)
}

func readHead(fsys fs.FS, name string, n int64) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	data := make([]byte, n)
	got, err := io.ReadFull(file, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return data[:got], err
}
