package cluster

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// ownerVariable makes the test binary lock its working directory and start a child.
const ownerVariable = "NUFI_TEST_OWNER"

func TestChildDiesWithItsKilledOwner(t *testing.T) {
	if os.Getenv(ownerVariable) != "" {
		runOwner(t)
	}
	t.Parallel()
	dir := t.TempDir()
	owner := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	owner.Dir, owner.Env = dir, append(os.Environ(), ownerVariable+"=1")
	stdout, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("the owner printed %q (%v), want up", line, err)
	}
	if _, err := lockDir(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("error is %v while the owner lives, want %v", err, ErrRunning)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // It was killed.

	// A running child would hold the lock for a minute.
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	err = wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
		lock, err := lockDir(dir)
		if errors.Is(err, ErrRunning) {
			return false, nil
		}
		if err == nil {
			err = lock.release()
		}
		return err == nil, err
	})
	if err != nil {
		t.Error("the child is still running: ", err)
	}
}

// runOwner locks the directory, starts a child and waits to be killed.
func runOwner(t *testing.T) {
	t.Helper()
	lock, err := lockDir(".")
	if err != nil {
		t.Fatal(err)
	}
	child := launchShell(t, lock, "exec sleep 60")
	if _, err := os.Stdout.WriteString("up\n"); err != nil {
		t.Fatal(err)
	}
	<-child.done
}
