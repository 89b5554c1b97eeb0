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

func TestAClaimedDirectoryNamesItsOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = claim(dir)
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second claim's error is %v, want %v and the owner", err, ErrRunning)
	}
	released(t, lock)
	if lock, err = claim(dir); err != nil {
		t.Fatal("a released directory is refused: ", err)
	}
	released(t, lock)
}

func TestADirectoryWithFilesOfOthersIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "logs", "thesis")
	write(t, precious, "years of work")
	_, err := Start(t.Context(), Options{Dir: dir, Reset: true, Assets: scripts(t, map[string]string{
		"etcd": "", "kube-apiserver": "", "kubectl": "",
	})})
	if err == nil || !strings.Contains(err.Error(), "files of others") {
		t.Errorf("error is %v, want a refusal", err)
	}
	if read(t, precious) == "" {
		t.Error("the file is gone")
	}
}

func TestALockLastsAsLongAsAChildThatInheritedIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	child := launchShell(t, lock, "exec sleep 60")
	closed(t, lock.file) // As an owner's death would: without unlocking.
	if _, err := claim(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("error is %v while a child runs, want %v", err, ErrRunning)
	}
	if err := child.stop(); err != nil {
		t.Fatal(err)
	}
	// A program that another test starts just now has all open files until it runs.
	err = wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		lock, err = claim(dir)
		return err == nil, nil
	})
	if err != nil {
		t.Fatal("a directory without owner or children is refused: ", err)
	}
	released(t, lock)
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := tryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer released(t, lock)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	told := 0
	if _, err := awaitLock(ctx, path, func() { told++ }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want %v", err, context.DeadlineExceeded)
	}
	if told != 1 {
		t.Errorf("told %d times to be waiting, want once", told)
	}
}

func released(t *testing.T, lock *fileLock) {
	t.Helper()
	if err := lock.release(); err != nil {
		t.Error(err)
	}
}
