package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestBuildRemovesUnusedBuilds(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n\nimport \"os\"\n\nfunc main() { os.Stdin.Read(make([]byte, 1)) }\n")
	running := build(t, b)
	program := exec.CommandContext(t.Context(), filepath.Join(running, binary))
	stdin, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	setOld(t, running)
	write(t, filepath.Join(b.Checkout, "devcluster/more.go"), "package main\n")
	recent := build(t, b)
	setOld(t, recent)
	if again := build(t, b); again != recent { // Updates the folder's time.
		t.Errorf("assets are %s, want %s", again, recent)
	}
	unused := filepath.Join(b.Cache, "kube-v1.0.0-unused")
	partial := filepath.Join(b.Cache, "kube-v1.0.0-partial.part")
	foreign := filepath.Join(b.Cache, "up")
	for _, folder := range []string{unused, partial, foreign} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(unused, binary), "")
	for _, folder := range []string{unused, partial, foreign} {
		setOld(t, folder)
	}

	write(t, filepath.Join(b.Checkout, "devcluster/more.go"), "package main\n\n")
	checkExist(t, map[string]bool{build(t, b): true, running: true, recent: true, foreign: true, unused: false, partial: false})

	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.Checkout, "devcluster/more.go"), "package main\n\n\n")
	checkExist(t, map[string]bool{build(t, b): true, running: false, recent: true})
}

func build(t *testing.T, b Builder) string {
	t.Helper()
	dir, err := b.Assets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// setOld makes a folder older than maxUnused.
func setOld(t *testing.T, folder string) {
	t.Helper()
	old := time.Now().Add(-2 * maxUnused)
	if err := os.Chtimes(folder, old, old); err != nil {
		t.Fatal(err)
	}
}

func checkExist(t *testing.T, want map[string]bool) {
	t.Helper()
	for folder, wantExists := range want {
		if exists(folder) != wantExists {
			t.Errorf("%s exists: %t, want %t", folder, !wantExists, wantExists)
		}
	}
}
