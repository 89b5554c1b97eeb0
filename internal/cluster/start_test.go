package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tests that run scripts they have just written are not parallel: a process that another
// test forks may still have the file open for writing, and exec would fail with ETXTBSY.

func TestStartRetriesOnOtherPorts(t *testing.T) {
	dir, tries := t.TempDir(), filepath.Join(t.TempDir(), "tries")
	options := Options{Dir: dir, Assets: scripts(t, map[string]string{
		"etcd":           "exec sleep 60",
		"kube-apiserver": "echo try >>" + tries + "; echo 'bind: address already in use' >&2; exit 1",
		"kubectl":        "",
	})}
	_, err := Start(t.Context(), options)
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("error is %v, want %v", err, ErrPortInUse)
	}
	if got := strings.Count(read(t, tries), "try"); got != attempts {
		t.Errorf("%d tries, want %d", got, attempts)
	}
	checkUnlocked(t, dir)
}

func TestFailedStartLeavesNoProcess(t *testing.T) {
	dir := t.TempDir()
	options := Options{Dir: dir, Assets: scripts(t, map[string]string{
		"etcd": "exec sleep 60", "kube-apiserver": "echo no such flag >&2; exit 1", "kubectl": "",
	})}
	_, err := Start(t.Context(), options)
	if err == nil || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("error is %v, want the output of the program", err)
	}
	checkUnlocked(t, dir)
}

func TestStartReportsAMissingProgram(t *testing.T) {
	t.Parallel()
	assets := scripts(t, map[string]string{"etcd": "", "kube-apiserver": "", "kubectl": ""})
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), Assets: assets, Run: []Component{KWOK}})
	if err == nil || !strings.Contains(err.Error(), "has no kwok") {
		t.Errorf("error is %v, want the missing kwok", err)
	}
}

// scripts returns a folder of shell scripts.
func scripts(t *testing.T, programs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkUnlocked fails the test if a process holds the directory's lock.
func checkUnlocked(t *testing.T, dir string) {
	t.Helper()
	lock, err := tryLock(lockPath(dir))
	if err != nil {
		t.Fatal("locking the directory: ", err)
	}
	release(t, lock)
}
