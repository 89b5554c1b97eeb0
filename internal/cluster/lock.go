//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// errLocked says that another open file holds the lock.
var errLocked = errors.New("locked")

// fileLock is a lock on an open file. It belongs to the open file and not to the
// process: a child that inherits the file holds it too.
type fileLock struct{ file *os.File }

// tryLock takes the lock of the file at path, creating it, or returns errLocked.
func tryLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // The user names the directory.
	if err != nil {
		return nil, full(err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &fileLock{file: file}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	return nil, errors.Join(err, file.Close())
}

// awaitLock takes the lock, waiting for its holder; waiting is called once if it must.
func awaitLock(ctx context.Context, path string, waiting func()) (*fileLock, error) {
	var lock *fileLock
	told := false
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(context.Context) (bool, error) {
		held, err := tryLock(path)
		if errors.Is(err, errLocked) {
			if !told {
				waiting()
			}
			told = true
			return false, nil
		}
		lock = held
		return err == nil, err
	})
	return lock, err
}

// release ends the lock, also for children that inherited it. The file stays: were it
// removed, a waiter could hold the lock of a file that nobody else finds.
func (l *fileLock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// claim makes the directory this process's own, or says whose it is.
func claim(dir string) (*fileLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, full(err)
	}
	path := lockPath(dir)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 && !exists(path) {
		return nil, errors.Join(err, fmt.Errorf("%s holds files of others: choose another directory", dir))
	}
	lock, err := tryLock(path)
	if errors.Is(err, errLocked) {
		owner, _ := os.ReadFile(path) //nolint:gosec // As above; without it, the sentence only lacks the id.
		return nil, fmt.Errorf("%w in %s (process %s): stop it, or choose another directory", ErrRunning, dir, strings.TrimSpace(string(owner)))
	}
	if err != nil {
		return nil, err
	}
	return lock, full(signLock(lock.file))
}

// signLock writes this process's id into the lock's file.
func signLock(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(file, "%d\n", os.Getpid())
	return err
}
