package main

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name    string // with slashes
	mode    int64
	content []byte
}

// writeTar writes the entries in the order of their names, all with one time.
func writeTar(w io.Writer, modified time.Time, entries []entry) error {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	archive := tar.NewWriter(w)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.content)),
			ModTime: modified, Format: tar.FormatPAX,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(e.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// writeArchive writes a tar file, compressed if its name ends in .gz.
func writeArchive(path string, modified time.Time, entries []entry) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if !strings.HasSuffix(path, ".gz") {
		return writeTar(file, modified, entries)
	}
	compressed := gzip.NewWriter(file)
	return errors.Join(writeTar(compressed, modified, entries), compressed.Close())
}

// readEntries returns the files below dir, with a prefix before their names.
func readEntries(dir, prefix string) ([]entry, error) {
	var entries []entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		entries = append(entries, entry{name: prefix + filepath.ToSlash(name), mode: int64(info.Mode().Perm() | 0o444), content: content})
		return err
	})
	return entries, err
}

// archivePrograms writes the programs of one architecture, and the license.
func (r *release) archivePrograms(arch string) error {
	license, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return err
	}
	entries := []entry{{name: "LICENSE", mode: 0o644, content: license}}
	for _, program := range r.programs {
		content, err := os.ReadFile(r.binary(program, arch))
		if err != nil {
			return err
		}
		entries = append(entries, entry{name: program, mode: 0o755, content: content})
	}
	return writeArchive(r.file("-linux-"+arch+".tar.gz"), r.time, entries)
}

// writeChecksums writes SHA256SUMS for the files of a folder, in the format of sha256sum.
func writeChecksums(dir string) error {
	entries, err := readEntries(dir, "")
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(e.content), e.name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
