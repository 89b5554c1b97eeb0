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

// ownerVariable makes this test's program an owner of a child, in its working directory.
const ownerVariable = "NUFI_TEST_OWNER"

func TestNoChildOutlivesAKilledOwner(t *testing.T) {
	if os.Getenv(ownerVariable) != "" {
		own(t)
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
		t.Fatalf("the owner said %q (%v), want up", line, err)
	}
	if _, err := claim(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("error is %v while the owner lives, want %v", err, ErrRunning)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // Killed, as it should be.

	// A child that lived would hold the lock for a minute.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
		lock, err := claim(dir)
		if errors.Is(err, ErrRunning) {
			return false, nil
		}
		if err == nil {
			err = lock.release()
		}
		return err == nil, err
	})
	if err != nil {
		t.Error("a child is left: ", err)
	}
}

// own claims the directory, starts a child and waits to be killed.
func own(t *testing.T) {
	t.Helper()
	lock, err := claim(".")
	if err != nil {
		t.Fatal(err)
	}
	child := launchShell(t, lock, "exec sleep 60")
	if _, err := os.Stdout.WriteString("up\n"); err != nil {
		t.Fatal(err)
	}
	<-child.done
}
