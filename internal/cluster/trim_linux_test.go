package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestABuildRemovesOldProgramsThatNobodyUses(t *testing.T) {
	t.Parallel()
	b := builder(t, "package main\n\nimport \"os\"\n\nfunc main() { os.Stdin.Read(make([]byte, 1)) }\n")
	running := built(t, b)
	program := exec.CommandContext(t.Context(), filepath.Join(running, binary))
	stdin, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	age(t, running)
	write(t, filepath.Join(b.Checkout, "devcluster/more.go"), "package main\n")
	wanted := built(t, b)
	age(t, wanted)
	if again := built(t, b); again != wanted { // is asked for, which makes it young
		t.Errorf("compiled %s again, as %s", wanted, again)
	}
	unused := filepath.Join(b.Cache, "kube-v1.0.0-unused")
	left := filepath.Join(b.Cache, "kube-v1.0.0-left.part")
	foreign := filepath.Join(b.Cache, "up")
	for _, folder := range []string{unused, left, foreign} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(unused, binary), "")
	for _, folder := range []string{unused, left, foreign} {
		age(t, folder)
	}

	write(t, filepath.Join(b.Checkout, "devcluster/more.go"), "package main\n\n")
	there(t, map[string]bool{built(t, b): true, running: true, wanted: true, foreign: true, unused: false, left: false})

	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.Checkout, "devcluster/more.go"), "package main\n\n\n")
	there(t, map[string]bool{built(t, b): true, running: false, wanted: true})
}

func built(t *testing.T, b Builder) string {
	t.Helper()
	dir, err := b.Assets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// age makes a folder one that was asked for long ago.
func age(t *testing.T, folder string) {
	t.Helper()
	then := time.Now().Add(-2 * kept)
	if err := os.Chtimes(folder, then, then); err != nil {
		t.Fatal(err)
	}
}

func there(t *testing.T, want map[string]bool) {
	t.Helper()
	for folder, is := range want {
		if exists(folder) != is {
			t.Errorf("%s is there: %t, want %t", folder, !is, is)
		}
	}
}
