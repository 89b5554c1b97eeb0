package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

func TestLockedDirectoryReportsItsOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockDir(dir)
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("error is %v, want %v and the owner", err, ErrRunning)
	}
	release(t, lock)
	if lock, err = lockDir(dir); err != nil {
		t.Fatal("locking a released directory: ", err)
	}
	release(t, lock)
}

func TestStartRejectsADirectoryWithOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := filepath.Join(dir, "logs", "thesis")
	write(t, other, "years of work")
	_, err := Start(t.Context(), Options{Dir: dir, Reset: true, Assets: scripts(t, map[string]string{
		"etcd": "", "kube-apiserver": "", "kubectl": "",
	})})
	if err == nil || !strings.Contains(err.Error(), "other files") {
		t.Errorf("error is %v, want a rejection", err)
	}
	if read(t, other) == "" {
		t.Error("the file was deleted")
	}
}

func TestLockLastsUntilTheInheritingChildExits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	child := launchShell(t, lock, "exec sleep 60")
	closeAll(t, lock.file) // As the owner's exit would, without unlocking.
	if _, err := lockDir(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("error is %v while a child runs, want %v", err, ErrRunning)
	}
	if err := child.stop(); err != nil {
		t.Fatal(err)
	}
	// A process that another test forks has all open files until it calls exec.
	err = wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		lock, err = lockDir(dir)
		return err == nil, nil
	})
	if err != nil {
		t.Fatal("locking a directory without owner or children: ", err)
	}
	release(t, lock)
}

func TestAwaitLockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := tryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer release(t, lock)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	calls := 0
	if _, err := awaitLock(ctx, path, func() { calls++ }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want %v", err, context.DeadlineExceeded)
	}
	if calls != 1 {
		t.Errorf("onWait was called %d times, want once", calls)
	}
}

func release(t *testing.T, lock *fileLock) {
	t.Helper()
	if err := lock.release(); err != nil {
		t.Error(err)
	}
}
