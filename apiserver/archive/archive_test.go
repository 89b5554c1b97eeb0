package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/archive"
	"github.com/dudaji/nufi/internal/render"
)

// entry is one of a tar; a name alone is a file.
type entry struct {
	name    string
	kind    byte
	content string
}

const module = "cue.mod/module.cue"

func tarOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, entry := range entries {
		header := &tar.Header{Name: entry.name, Typeflag: entry.kind, Mode: 0o644, Size: int64(len(entry.content))}
		switch entry.kind {
		case tar.TypeSymlink, tar.TypeLink:
			header.Linkname = "/etc/passwd"
		case tar.TypeXGlobalHeader:
			header = &tar.Header{Typeflag: entry.kind, PAXRecords: map[string]string{"comment": "a commit"}}
		}
		err := writer.WriteHeader(header)
		if err == nil {
			_, err = writer.Write([]byte(entry.content))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func zipped(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, err := writer.Write(content)
	if err := errors.Join(err, writer.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// templates are the repository's, below a folder.
func templates(tb testing.TB, below string) []entry {
	tb.Helper()
	var entries []entry
	err := fs.WalkDir(nufi.Module(), ".", func(name string, at fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if at.IsDir() {
			entries = append(entries, entry{below + name + "/", tar.TypeDir, ""})
			return nil
		}
		content, err := fs.ReadFile(nufi.Module(), name)
		entries = append(entries, entry{below + name, tar.TypeReg, string(content)})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return entries
}

func zipOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for _, entry := range entries {
		header := &zip.FileHeader{Name: entry.name, Method: zip.Deflate}
		if entry.kind == tar.TypeSymlink {
			header.SetMode(fs.ModeSymlink | 0o777)
		}
		file, err := writer.CreateHeader(header)
		if err == nil {
			_, err = file.Write([]byte(entry.content))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestReadReturnsTheModule(t *testing.T) {
	t.Parallel()
	want, err := render.Digest(nufi.Module())
	if err != nil {
		t.Fatal(err)
	}
	readme := entry{"README.md", tar.TypeReg, "no CUE"}
	comment := entry{"", tar.TypeXGlobalHeader, ""}
	for name, c := range map[string]struct {
		media   string
		content []byte
	}{
		"tar":                   {archive.Tar, tarOf(t, templates(t, "")...)},
		"tar czf - cue.mod ...": {archive.Gzip, zipped(t, tarOf(t, templates(t, "")...))},
		"tar czf - .":           {archive.Gzip, zipped(t, tarOf(t, append([]entry{{"./", tar.TypeDir, ""}, readme}, templates(t, "./")...)...))},
		"git archive --prefix":  {archive.Tar, tarOf(t, append([]entry{comment}, templates(t, "nufi-1.0/")...)...)},
		"zip":                   {archive.Zip, zipOf(t, templates(t, "")...)},
		"zip of a folder":       {archive.Zip, zipOf(t, templates(t, "nufi/")...)},
	} {
		module, err := archive.Read(c.media, c.content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := render.Digest(module); err != nil || got != want {
			t.Errorf("%s: the digest is %s, want %s: %v", name, got, want, err)
		}
	}
}

// hostile returns invalid archives by their defect.
func hostile(tb testing.TB) map[string][]byte {
	tb.Helper()
	file := func(name string) entry { return entry{name, tar.TypeReg, "package a"} }
	withModule := func(entries ...entry) []byte { return tarOf(tb, append([]entry{file(module)}, entries...)...) }
	many := make([]entry, 1001)
	for i := range many {
		many[i] = file(fmt.Sprint("f", i))
	}
	large := make([]entry, 9)
	for i := range large {
		large[i] = entry{fmt.Sprintf("f%d.cue", i), tar.TypeReg, strings.Repeat("a", 1<<20)}
	}
	return map[string][]byte{
		"an absolute path":       withModule(file("/etc/a.cue")),
		"dots":                   withModule(file("../a.cue")),
		"dots within":            withModule(file("a/../../a.cue")),
		"an empty element":       withModule(file("a//b.cue")),
		"a backslash":            withModule(file(`..\a.cue`)),
		"a line break":           withModule(file("a\nb.cue")),
		"the root":               withModule(entry{"/", tar.TypeDir, ""}),
		"a symbolic link":        withModule(entry{"a.cue", tar.TypeSymlink, ""}),
		"a hard link":            withModule(entry{"a.cue", tar.TypeLink, ""}),
		"a device":               withModule(entry{"a.cue", tar.TypeBlock, ""}),
		"a pipe":                 withModule(entry{"a.cue", tar.TypeFifo, ""}),
		"a name twice":           withModule(file("a.cue"), file("./a.cue")),
		"a file that is folder":  withModule(file("a"), file("a/b.cue")),
		"a folder that is file":  withModule(file("a/b.cue"), file("a")),
		"no module":              tarOf(tb, file("schemas/a.cue")),
		"two folders":            tarOf(tb, file("a/"+module), file("b/a.cue")),
		"nothing":                tarOf(tb),
		"no archive":             []byte("hello"),
		"half of it":             withModule(file("a.cue"))[:515],
		"too large: many":        withModule(many...),
		"too large: all":         withModule(large...),
		"too large: a file":      withModule(entry{"a.cue", tar.TypeReg, strings.Repeat("a", 1<<20+1)}),
		"too large: no CUE":      withModule(entry{"a.bin", tar.TypeReg, strings.Repeat("a", 8<<20)}),
		"too large: deep":        withModule(file(strings.Repeat("a/", 10) + "a.cue")),
		"too large: a long name": withModule(file(strings.Repeat("a", 600) + ".cue")),
	}
}

func TestHostileArchivesAreRejected(t *testing.T) {
	t.Parallel()
	for name, content := range hostile(t) {
		for media, content := range map[string][]byte{archive.Tar: content, archive.Gzip: zipped(t, content)} {
			module, err := archive.Read(media, content)
			if err == nil {
				t.Errorf("%s as %s: %v was read", name, media, module)
			}
			if isTooLarge := strings.HasPrefix(name, "too large"); errors.Is(err, archive.ErrTooLarge) != isTooLarge {
				t.Errorf("%s as %s: %v", name, media, err)
			}
		}
	}
	if _, err := archive.Read(archive.Zip, zipOf(t, entry{module, tar.TypeReg, ""}, entry{"a.cue", tar.TypeSymlink, "/etc/passwd"})); err == nil {
		t.Error("a zip's link was read")
	}
	broken := zipped(t, tarOf(t, templates(t, "")...))
	broken[len(broken)-5] ^= 1 // in the checksum
	if _, err := archive.Read(archive.Gzip, broken); !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("with another checksum: %v", err)
	}
	if _, err := archive.Read("text/plain", tarOf(t, templates(t, "")...)); err == nil {
		t.Error("a text was read as an archive")
	}
}

func FuzzReadReturnsABoundedModule(f *testing.F) {
	for _, content := range hostile(f) {
		if len(content) < 16<<10 {
			f.Add(archive.Tar, content)
			f.Add(archive.Gzip, zipped(f, content))
		}
	}
	small := []entry{{module, tar.TypeReg, "module: \"a.b/c\""}, {"a/b.cue", tar.TypeReg, "package b"}}
	f.Add(archive.Tar, tarOf(f, small...))
	f.Add(archive.Gzip, zipped(f, tarOf(f, small...)))
	f.Add(archive.Zip, zipOf(f, small...))
	f.Fuzz(func(t *testing.T, media string, content []byte) {
		module, err := archive.Read(media, content)
		if err != nil {
			return
		}
		size := 0
		err = fs.WalkDir(module, ".", func(name string, at fs.DirEntry, err error) error {
			if err != nil || at.IsDir() {
				return err
			}
			text, err := fs.ReadFile(module, name)
			size += len(text)
			if !fs.ValidPath(name) || !strings.HasSuffix(name, ".cue") || strings.ContainsAny(name, "\n\\") || len(text) > 1<<20 {
				t.Errorf("%q with %d bytes", name, len(text))
			}
			return err
		})
		if _, missing := fs.Stat(module, "cue.mod/module.cue"); err != nil || missing != nil || size > 8<<20 {
			t.Errorf("%d bytes: %v %v", size, err, missing)
		}
	})
}
