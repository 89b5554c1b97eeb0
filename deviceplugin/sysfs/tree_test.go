package sysfs_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestAttributeTrimsWhiteSpace(t *testing.T) {
	tree := sysfs.New(fstest.MapFS{"sys/vendor": {Data: []byte("0x1f56\n")}})
	got, err := tree.Attribute(t.Context(), "sys/vendor")
	if err != nil || got != "0x1f56" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReadRejectsMoreThanAPage(t *testing.T) {
	tree := sysfs.New(fstest.MapFS{
		"page": {Data: []byte(strings.Repeat("a", sysfs.MaxAttribute))},
		"more": {Data: []byte(strings.Repeat("a", sysfs.MaxAttribute+1))},
	})
	if _, err := tree.Read(t.Context(), "page"); err != nil {
		t.Errorf("a whole page: %v", err)
	}
	if _, err := tree.Read(t.Context(), "more"); !errors.Is(err, sysfs.ErrTooLong) {
		t.Errorf("a page and a byte: %v", err)
	}
}

func TestHeadIsBounded(t *testing.T) {
	tree := sysfs.New(fstest.MapFS{"config": {Data: []byte{0x56, 0x1f, 0x30}}, "empty": {}})
	for name, want := range map[string][]byte{"config": {0x56, 0x1f}, "empty": {}} {
		got, err := tree.Head(t.Context(), name, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestReadReportsMissingFilesAndDirectories(t *testing.T) {
	tree := sysfs.New(fstest.MapFS{"dir/file": {}})
	if _, err := tree.Read(t.Context(), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := tree.Read(t.Context(), "dir"); err == nil {
		t.Error("a directory was read")
	}
}

// A named pipe without a writer blocks its reader the way a stuck driver does.
func TestStuckReadIsSharedAndEndsWithItsContext(t *testing.T) {
	root := t.TempDir()
	pipe := filepath.Join(root, "status")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("named pipes are needed: %v", err)
	}
	tree := sysfs.New(os.DirFS(root))
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := tree.Read(ctx, "status"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		cancel()
	}
	if got := reading(); got != 1 {
		t.Errorf("ten stuck reads cost %d goroutines", got)
	}

	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

// A driver may be stuck for weeks, and every probe and scrape reads it.
func TestStuckReadKeepsNothingOfItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := stuck{make(chan struct{})}
		defer close(driver.unstuck)
		tree := sysfs.New(driver)
		before := heap()
		for range 10_000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := tree.Read(ctx, "status"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		if kept := heap() - before; kept > 256<<10 {
			t.Errorf("10,000 callers of a stuck read keep %d bytes", kept)
		}
	})
}

// stuck is a file system that does not respond.
type stuck struct{ unstuck chan struct{} }

func (s stuck) Open(string) (fs.File, error) {
	<-s.unstuck
	return nil, fs.ErrNotExist
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// reading counts the goroutines, apart from the caller's, that are in this package's code.
func reading() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	count := 0
	for _, stack := range strings.Split(string(stacks), "\n\n")[1:] {
		if strings.Contains(stack, "/deviceplugin/sysfs.") {
			count++
		}
	}
	return count
}

func TestMatchesAreSortedAndBelowTheDirectory(t *testing.T) {
	tree := sysfs.New(fstest.MapFS{
		"sys/a/npu1/dev": {}, "sys/a/npu0/dev": {}, "sys/b/npu2/dev": {},
	})
	if diff := cmp.Diff([]string{"sys/a/npu0", "sys/a/npu1"}, tree.Match("sys/a", "npu*")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := tree.Match("sys/*", "npu*"); got != nil {
		t.Errorf("a directory's name was taken for a pattern: %v", got)
	}
}

func TestLinkDoesNotLeaveTheRoot(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"out": filepath.Join(outside, "secret"), "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	host, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close() //nolint:errcheck // a directory
	tree := sysfs.New(host.FS())
	for _, name := range []string{"out", "loop"} {
		if _, err := tree.Read(t.Context(), name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
