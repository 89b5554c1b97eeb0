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

func TestStackOfAPanicIsNotQuoted(t *testing.T) {
	t.Parallel()
	stack := "goroutine 1 [running]:\n" + strings.Repeat("main.main()\n\t/main.go:1 +0x1\n", 20)
	got := lastLines("earlier\npanic: invalid database\n\n" + stack)
	if want := "  earlier\n  panic: invalid database"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	recovered := "E1130 runtime.go:142] Observed a panic: nil map\n" + stack + "the reason"
	if got := lastLines(recovered); !strings.HasSuffix(got, "\n  the reason") {
		t.Errorf("after a recovered panic: %q lacks the reason", got)
	}
	if got := lastLines(strings.Repeat("a", 1000)); len(got) != maxLogLine+2 {
		t.Errorf("%d bytes of a long line are quoted", len(got))
	}
}

func TestExitOfEtcdNamesTheWayOutOfDamagedData(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]bool{"crc mismatch": true, "bind: address already in use": false} {
		p := &process{program: program{component: Etcd, log: filepath.Join(t.TempDir(), "log")}}
		write(t, p.log, log)
		if got := strings.Contains(p.exitError().Error(), "--reset"); got != want {
			t.Errorf("after %q: %v", log, p.exitError())
		}
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
