package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestKnownErrorInALogIsOneLine(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		log  string
		want error
	}{
		"port":   {"starting\nlisten tcp 127.0.0.1:6443: bind: address already in use\nbye\n", ErrPortInUse},
		"disk":   {"wal: write /d/member/wal: no space left on device\ngoroutine 1\nmain.main()\n", ErrDiskFull},
		"linker": {"# kube\nlink: flushing $WORK/a.out: no space left on device\n", ErrDiskFull},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "log")
			write(t, path, c.log)
			err := unexpectedExit("etcd", path, errors.New("exit status 1"))
			if !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestUnknownErrorQuotesTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, strings.Repeat("earlier\n", 100)+"the reason\n")
	err := unexpectedExit("etcd", path, errors.New("exit status 1")).Error()
	if !strings.Contains(err, "the reason") || !strings.Contains(err, path) {
		t.Errorf("%q lacks the reason or the log", err)
	}
	if got := strings.Count(err, "earlier"); got != maxLogLines-1 {
		t.Errorf("%d earlier lines, want %d", got, maxLogLines-1)
	}
}

func TestDiskFullWrapsOnlyENOSPC(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /dev/full")
	}
	err := diskFull(os.WriteFile("/dev/full", []byte("data"), 0o600))
	if !errors.Is(err, ErrDiskFull) {
		t.Errorf("error is %v, want %v", err, ErrDiskFull)
	}
	if err := diskFull(os.ErrPermission); errors.Is(err, ErrDiskFull) {
		t.Errorf("%v is reported as a full disk", os.ErrPermission)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
