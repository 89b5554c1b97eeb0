package templates

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// settledFolder returns a copy of the templates whose files are an hour old.
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

func TestFingerprintChangesWithTheFiles(t *testing.T) {
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
		"the target of a link": func(_, file string, now time.Time) error {
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
			before := fingerprint(dir, now)
			if before == "" || before != fingerprint(dir, now) {
				t.Fatalf("the fingerprints of an unchanged folder are %q and %q", before, fingerprint(dir, now))
			}
			if err := change(dir, file, now); err != nil {
				t.Fatal(err)
			}
			if after := fingerprint(dir, now); after == before {
				t.Error("the fingerprint is the same")
			}
		})
	}
}

func TestFingerprintIsEmptyAfterARecentChange(t *testing.T) {
	t.Parallel()
	dir, file, now := settledFolder(t)
	if err := os.Chtimes(file, time.Time{}, now.Add(-settled)); err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(dir, now); got != "" {
		t.Errorf("the fingerprint is %q; the next change may have the same time", got)
	}
	if got := fingerprint(filepath.Join(dir, "nowhere"), now); got != "" {
		t.Errorf("the fingerprint of a missing folder is %q", got)
	}
}

func TestUndecidedCandidateIsRetried(t *testing.T) {
	t.Parallel()
	dir, file, now := settledFolder(t)
	tried, swapped := errUnreachable, 0
	store, err := Open(dir, Hooks{
		Live:     func(context.Context) (Live, error) { return Live{}, nil },
		Validate: func(context.Context, fs.FS, Live) error { return nil },
		Try:      func(context.Context, *render.Templates, *render.Templates) error { return tried },
		Swapped:  func(*render.Templates) { swapped++ },
		Rejected: func(_ string, reason error) { t.Errorf("rejected: %v", reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, file)
	poller := poller{store: store}
	if err := poller.poll(t.Context(), now); !errors.Is(err, errUnreachable) {
		t.Errorf("the error is %v", err)
	}
	tried = nil
	for _, wait := range []time.Duration{pollInterval, retryUndecided} {
		if err := poller.poll(t.Context(), now.Add(wait)); err != nil {
			t.Error(err)
		}
		if want := int(wait / retryUndecided); swapped != want || store.State().Rejected != nil {
			t.Errorf("after %s: %d swaps, want %d; the rejection is %v", wait, swapped, want, store.State().Rejected)
		}
	}
}

// A cause such as a missing right stays until an operator sees it.
func TestUndecidedCandidateIsReportedAtIntervals(t *testing.T) {
	t.Parallel()
	dir, file, now := settledFolder(t)
	store, err := Open(dir, Hooks{Live: func(context.Context) (Live, error) { return Live{}, errUnreachable }})
	if err != nil {
		t.Fatal(err)
	}
	change(t, file)
	poller := poller{store: store}
	var reported []time.Duration
	for wait := time.Duration(0); wait <= 2*remindInterval; wait += retryUndecided {
		if err := poller.poll(t.Context(), now.Add(wait)); err != nil {
			reported = append(reported, wait)
		}
	}
	if want := []time.Duration{0, remindInterval, 2 * remindInterval}; !slices.Equal(reported, want) {
		t.Errorf("reported after %v, want %v", reported, want)
	}
}

// Neither a list that fails nor a process that cannot be started is a fault of the candidate.
func TestCandidateIsNotRejectedForAFailureOfTheMachine(t *testing.T) {
	dir, file, now := settledFolder(t)
	unlisted := errUnreachable
	store, err := Open(dir, Hooks{
		Live:     func(context.Context) (Live, error) { return Live{}, unlisted },
		Validate: Validate,
		Swapped:  func(*render.Templates) { t.Error("a candidate serves that was not validated") },
		Rejected: func(_ string, reason error) { t.Errorf("rejected: %v", reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, file)
	poller := poller{store: store}
	if err := poller.poll(t.Context(), now); !errors.Is(err, errUnreachable) {
		t.Errorf("without a list: %v", err)
	}
	set, err := Snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	noFiles(t)
	if err := Validate(t.Context(), set, Live{}); !errors.Is(err, syscall.EMFILE) || !isUndecided(err) {
		t.Errorf("without a process: %v", err)
	}
}

// noFiles makes further files, and thereby pipes to a child, impossible until the end of the test.
func noFiles(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
}

func TestStopDuringAValidationIsNoRejection(t *testing.T) {
	t.Parallel()
	dir, file, now := settledFolder(t)
	ctx, stop := context.WithCancel(t.Context())
	store, err := Open(dir, Hooks{
		Live: func(context.Context) (Live, error) { return Live{}, nil },
		Validate: func(ctx context.Context, _ fs.FS, _ Live) error {
			stop()
			return ctx.Err()
		},
		Rejected: func(_ string, reason error) { t.Errorf("rejected: %v", reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, file)
	poller := poller{store: store}
	if err := poller.poll(ctx, now); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// change adds a comment to a file.
func change(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(content, "// changed\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTimeoutGrowsWithTheNumberOfSpecs(t *testing.T) {
	t.Parallel()
	live := Live{Deploys: make([]v1.NpuDeploy, 900), Projects: make([]v1.Project, 100)}
	if got, want := (request{Live: live}).timeout(), 260*time.Second; got != want {
		t.Errorf("the timeout is %s, want %s", got, want)
	}
}

var errUnreachable = errors.New("the API server is unreachable")

// BenchmarkPoll polls an unchanged directory.
func BenchmarkPoll(b *testing.B) {
	dir, _, now := settledFolder(b)
	store, err := Open(dir, Hooks{})
	if err != nil {
		b.Fatal(err)
	}
	poller := poller{store: store}
	b.ReportAllocs()
	for b.Loop() {
		if err := poller.poll(b.Context(), now); err != nil {
			b.Fatal(err)
		}
	}
}
