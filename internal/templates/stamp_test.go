package templates

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dudaji/nufi"
)

// settledFolder has the templates with times of long ago.
func settledFolder(tb testing.TB) (dir, file string, now time.Time) {
	tb.Helper()
	dir, now = tb.TempDir(), time.Now()
	if err := os.CopyFS(dir, nufi.Module()); err != nil {
		tb.Fatal(err)
	}
	err := walk(dir, func(name string) error {
		return os.Chtimes(filepath.Join(dir, name), time.Time{}, now.Add(-time.Hour))
	})
	if err != nil {
		tb.Fatal(err)
	}
	return dir, filepath.Join(dir, "schemas", "policy", "policy.cue"), now
}

func TestAStampChangesWithWhateverMayBeAnotherSet(t *testing.T) {
	t.Parallel()
	changes := map[string]func(dir, file string, now time.Time) error{
		"time": func(_, file string, now time.Time) error {
			return os.Chtimes(file, time.Time{}, now.Add(-time.Minute))
		},
		"size": func(_, file string, now time.Time) error {
			if err := os.Truncate(file, 1); err != nil {
				return err
			}
			return os.Chtimes(file, time.Time{}, now.Add(-time.Hour))
		},
		"name": func(_, file string, _ time.Time) error { return os.Rename(file, file+".cue") },
		"the file behind a link": func(_, file string, now time.Time) error {
			if err := os.Rename(file, file+".behind"); err != nil {
				return err
			}
			if err := os.Symlink(file+".behind", file); err != nil {
				return err
			}
			return os.Chtimes(file+".behind", time.Time{}, now.Add(-time.Minute))
		},
		"the revision": func(dir, _ string, _ time.Time) error {
			if err := os.CopyFS(filepath.Join(dir, "..2"), os.DirFS(filepath.Join(dir, "schemas"))); err != nil {
				return err
			}
			return os.Symlink("..2", filepath.Join(dir, "..data"))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file, now := settledFolder(t)
			before := stamp(dir, now)
			if before == "" || before != stamp(dir, now) {
				t.Fatalf("an unchanged folder has the stamps %q and %q", before, stamp(dir, now))
			}
			if err := change(dir, file, now); err != nil {
				t.Fatal(err)
			}
			if after := stamp(dir, now); after == before {
				t.Error("the stamp is as before")
			}
		})
	}
}

func TestAStampSaysNothingOfAFileThatHasJustChanged(t *testing.T) {
	t.Parallel()
	dir, file, now := settledFolder(t)
	if err := os.Chtimes(file, time.Time{}, now.Add(-settled)); err != nil {
		t.Fatal(err)
	}
	if got := stamp(dir, now); got != "" {
		t.Errorf("the stamp is %q, and the next change may bear the same time", got)
	}
	if got := stamp(filepath.Join(dir, "nowhere"), now); got != "" {
		t.Errorf("the stamp of no folder is %q", got)
	}
}

// What the controller does every other second while nobody edits templates.
func BenchmarkQuietLook(b *testing.B) {
	dir, _, now := settledFolder(b)
	store, err := Open(dir, Hooks{})
	if err != nil {
		b.Fatal(err)
	}
	look := looker{store: store}
	b.ReportAllocs()
	for b.Loop() {
		if err := look.once(b.Context(), now); err != nil {
			b.Fatal(err)
		}
	}
}
