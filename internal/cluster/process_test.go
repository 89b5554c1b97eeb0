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

func TestAProgramThatIgnoresItsStopIsKilled(t *testing.T) {
	t.Parallel()
	child := launchShell(t, scratchLock(t), `trap "" TERM; echo up; while :; do sleep 1; done`)
	if err := child.stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is left: %v", err)
	}
}

func TestAProgramIsStoppedOnceOrTwice(t *testing.T) {
	t.Parallel()
	child := launchShell(t, scratchLock(t), "exec sleep 60")
	for range 2 {
		if err := child.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestTheFirstProgramThatEndsIsTheFaultOfAll(t *testing.T) {
	t.Parallel()
	all := newChildren(scratchLock(t))
	for component, script := range map[Component]string{
		Etcd:      "exec sleep 60",
		APIServer: "echo cannot go on >&2; exit 3",
	} {
		if err := all.start(shell(t, component, script)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := all.guard(t.Context())
	defer cancel()
	<-ctx.Done()
	fault := context.Cause(ctx).Error()
	for _, part := range []string{"kube-apiserver ended", "exit status 3", "cannot go on"} {
		if !strings.Contains(fault, part) {
			t.Errorf("the fault %q does not say %q", fault, part)
		}
	}
	if err := all.stopAll(); err != nil {
		t.Error(err)
	}
}

func TestAStoppedProgramIsNoFault(t *testing.T) {
	t.Parallel()
	all := newChildren(scratchLock(t))
	if err := all.start(shell(t, Etcd, "exec sleep 60")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := all.guard(t.Context())
	if err := all.stop(Etcd); err != nil {
		t.Fatal(err)
	}
	cancel()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		t.Errorf("the fault is %v, want none", cause)
	}
}

func TestStoppingWhatDoesNotRunIsAnError(t *testing.T) {
	t.Parallel()
	if err := newChildren(scratchLock(t)).stop(Etcd); err == nil {
		t.Error("etcd, which never ran, was stopped")
	}
}

func scratchLock(t *testing.T) *fileLock {
	t.Helper()
	lock, err := tryLock(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { released(t, lock) })
	return lock
}

func shell(t *testing.T, component Component, script string) program {
	t.Helper()
	return program{
		component: component, path: "/bin/sh", args: []string{"-c", script},
		log: filepath.Join(t.TempDir(), "log"),
	}
}

// launchShell returns once a script that echoes something first has, so that its traps are set.
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
	err := wait.PollUntilContextCancel(t.Context(), pollEvery, true, func(context.Context) (bool, error) {
		return strings.Contains(read(t, path), text), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
