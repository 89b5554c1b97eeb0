//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// errLocked reports that another open file holds the lock.
var errLocked = errors.New("locked")

// fileLock is a lock on an open file. It belongs to the open file, not to the process: a
// child that inherits the file holds the lock too.
type fileLock struct{ file *os.File }

// tryLock locks the file at path, which it creates if needed, or returns errLocked.
func tryLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // The user names the directory.
	if err != nil {
		return nil, diskFull(err)
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

// awaitLock waits for the lock. If another process holds it, awaitLock calls onWait once.
func awaitLock(ctx context.Context, path string, onWait func()) (*fileLock, error) {
	var lock *fileLock
	notify := sync.OnceFunc(onWait)
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(context.Context) (bool, error) {
		var err error
		lock, err = tryLock(path)
		if errors.Is(err, errLocked) {
			notify()
			return false, nil
		}
		return err == nil, err
	})
	return lock, err
}

// release ends the lock, also for children that inherited it. It does not remove the file:
// a waiter may have opened it already and would then lock a file without a name.
func (l *fileLock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// lockDir locks a cluster's directory for this process. If another process holds the lock,
// the error is ErrRunning with its id.
func lockDir(dir string) (*fileLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, diskFull(err)
	}
	path := lockPath(dir)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 && !exists(path) {
		return nil, errors.Join(err, fmt.Errorf("%s contains other files: choose another directory", dir))
	}
	lock, err := tryLock(path)
	if errors.Is(err, errLocked) {
		owner, _ := os.ReadFile(path) //nolint:gosec // As above. On an error, the message lacks the id.
		return nil, fmt.Errorf("%w in %s (process %s): stop it, or choose another directory", ErrRunning, dir, strings.TrimSpace(string(owner)))
	}
	if err != nil {
		return nil, err
	}
	return lock, diskFull(writePID(lock.file))
}

// writePID writes this process's id to the lock file.
func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(file, "%d\n", os.Getpid())
	return err
}
