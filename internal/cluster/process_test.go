package cluster

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/util/wait"
)

func TestStopKillsAProgramThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	child := launchShell(t, scratchLock(t), `trap "" TERM; echo up; while :; do sleep 1; done`)
	if err := child.stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process still exists: %v", err)
	}
}

func TestStopCanBeRepeated(t *testing.T) {
	t.Parallel()
	child := launchShell(t, scratchLock(t), "exec sleep 60")
	for range 2 {
		if err := child.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestFirstUnexpectedExitFailsTheCluster(t *testing.T) {
	t.Parallel()
	children := newChildren(scratchLock(t))
	for component, script := range map[Component]string{
		Etcd:      "exec sleep 60",
		APIServer: "echo cannot go on >&2; exit 3",
	} {
		if err := children.start(shell(t, component, script)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := children.withFailure(t.Context())
	defer cancel()
	<-ctx.Done()
	got := context.Cause(ctx).Error()
	for _, part := range []string{"kube-apiserver exited", "exit status 3", "cannot go on"} {
		if !strings.Contains(got, part) {
			t.Errorf("error %q does not contain %q", got, part)
		}
	}
	if err := children.stopAll(); err != nil {
		t.Error(err)
	}
}

func TestStoppedProgramDoesNotFailTheCluster(t *testing.T) {
	t.Parallel()
	children := newChildren(scratchLock(t))
	if err := children.start(shell(t, Etcd, "exec sleep 60")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := children.withFailure(t.Context())
	if err := children.stop(Etcd); err != nil {
		t.Fatal(err)
	}
	cancel()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		t.Errorf("cause is %v, want the cancellation", cause)
	}
}

func TestStopRejectsAComponentThatDoesNotRun(t *testing.T) {
	t.Parallel()
	if err := newChildren(scratchLock(t)).stop(Etcd); err == nil {
		t.Error("stopping etcd, which was not started, returned no error")
	}
}

func scratchLock(t *testing.T) *fileLock {
	t.Helper()
	lock, err := tryLock(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { release(t, lock) })
	return lock
}

func shell(t *testing.T, component Component, script string) program {
	t.Helper()
	return program{
		component: component, path: "/bin/sh", args: []string{"-c", script},
		log: filepath.Join(t.TempDir(), "log"),
	}
}

// launchShell starts a script. If the script echoes up, launchShell waits for it, so that
// the script's traps are set.
func launchShell(t *testing.T, lock *fileLock, script string) *process {
	t.Helper()
	p := shell(t, "shell", script)
	child, err := launch(p, lock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := child.stop(); err != nil {
			t.Error(err)
		}
	})
	if strings.Contains(script, "echo") {
		awaitText(t, p.log, "up")
	}
	return child
}

func awaitText(t *testing.T, path, text string) {
	t.Helper()
	err := wait.PollUntilContextCancel(t.Context(), pollInterval, true, func(context.Context) (bool, error) {
		return strings.Contains(read(t, path), text), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
