package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestConcurrentBuildsCompileOnce(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n\nfunc main() { println(\"hello\") }\n")
	var mu sync.Mutex
	compiled := 0
	b.Progress = func(step, detail string) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(step, "compiling") && detail == "" {
			compiled++
		}
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := b.Assets(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if compiled != 1 {
		t.Errorf("compiled %d times, want once", compiled)
	}
}

func TestAssetsLinkEachProgramByName(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n\nimport \"os\"\n\nfunc main() { print(os.Args[0]) }\n")
	dir, err := b.Assets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := "kube-v1.2.3-"; !strings.HasPrefix(filepath.Base(dir), want) {
		t.Errorf("the folder is %s, want %s...", dir, want)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "kube-apiserver")).CombinedOutput()
	if err != nil || filepath.Base(string(out)) != "kube-apiserver" {
		t.Errorf("os.Args[0] is %q (%v), want kube-apiserver", out, err)
	}
}

func TestFailedBuildReportsTheCompilerErrorAndLeavesNoFiles(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n\nfunc main() { missing() }\n")
	_, err := b.Assets(t.Context())
	if err == nil || !strings.Contains(err.Error(), "undefined: missing") {
		t.Errorf("error is %v, want the compiler's", err)
	}
	checkNoBuild(t, b.Cache)
}

func TestCancelledBuildLeavesNoFiles(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n\nfunc main() {}\n")
	ctx, cancel := context.WithCancel(t.Context())
	b.Progress = func(string, string) { cancel() }
	if _, err := b.Assets(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	checkNoBuild(t, b.Cache)
}

func TestBuildReportsAMissingToolchain(t *testing.T) {
	b := newTestBuilder(t, "package main\n\nfunc main() {}\n")
	t.Setenv("PATH", t.TempDir())
	if _, err := b.Assets(t.Context()); !errors.Is(err, ErrNoGo) {
		t.Errorf("error is %v, want %v", err, ErrNoGo)
	}
}

func TestAssetsOutsideTheRepositoryRequireExistingBinaries(t *testing.T) {
	t.Parallel()
	b := Builder{Checkout: t.TempDir(), Cache: t.TempDir()}
	_, err := b.Assets(t.Context())
	if !errors.Is(err, ErrNoCheckout) || !strings.Contains(err.Error(), assetsVariable) {
		t.Errorf("error is %v, want %v and %s", err, ErrNoCheckout, assetsVariable)
	}

	b.Existing = t.TempDir()
	if _, err := b.Assets(t.Context()); err == nil || !strings.Contains(err.Error(), "has no etcd") {
		t.Errorf("error is %v, want the missing etcd", err)
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		write(t, filepath.Join(b.Existing, name), "")
	}
	dir, err := b.Assets(t.Context())
	if err != nil || dir != b.Existing {
		t.Errorf("assets are %q (%v), want %q", dir, err, b.Existing)
	}
}

func TestKeyChangesWithGoFilesAndFlagsOnly(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n")
	dir := filepath.Join(b.Checkout, "devcluster")
	program := controlPlane()
	key := func() string {
		t.Helper()
		s, err := readSource(os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		return s.key(program)
	}
	first := key()
	write(t, filepath.Join(dir, "README.md"), "words")
	if second := key(); second != first {
		t.Errorf("the key changed from %s to %s with a file that is not compiled", first, second)
	}
	write(t, filepath.Join(dir, "more.go"), "package main\n")
	third := key()
	if third == first {
		t.Errorf("the key is still %s with another Go file", first)
	}
	program.plain = program.plain[1:]
	if fourth := key(); fourth == third {
		t.Errorf("the key is still %s with other flags", third)
	}
}

// newTestBuilder returns a Builder for a checkout with the given program as its devcluster.
func newTestBuilder(t *testing.T, main string) Builder {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"devcluster/main.go": main,
		"devcluster/go.mod": "module example.com/kube\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v1.2.3\n)\n\n" +
			"replace k8s.io/kubernetes => ./kubernetes\n",
		"devcluster/go.sum":            "",
		"devcluster/kubernetes/go.mod": "module k8s.io/kubernetes\n",
	} {
		write(t, filepath.Join(root, name), content)
	}
	return Builder{Checkout: root, Cache: filepath.Join(t.TempDir(), "cache")}
}

// checkNoBuild fails the test if the cache contains files other than locks.
func checkNoBuild(t *testing.T, cache string) {
	t.Helper()
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".lock" {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
}
