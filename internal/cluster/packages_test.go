package cluster

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// maxPackages bounds the packages of the control plane, which the first `nufi up` compiles. Each takes a third of
// a second of CPU.
const maxPackages = 2_850

// The first `nufi up` compiles no package that it does not use, and none twice.
func TestControlPlaneIsCompiledFromFewPackages(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the modules of Kubernetes are not downloaded with -short")
	}
	controlPlane, command := modules(t, "../../devcluster", "."), modules(t, "../..", "./cmd/nufi")
	if len(controlPlane) > maxPackages {
		t.Errorf("the control plane has %d packages, want %d at most", len(controlPlane), maxPackages)
	}
	for name, module := range controlPlane {
		if strings.HasPrefix(name, "k8s.io/kubernetes/cmd/kubelet/") {
			t.Errorf("the control plane contains %s", name)
		}
		if other, exists := command[name]; exists && other != module {
			t.Errorf("%s is compiled twice: the control plane has %s, and nufi %s", name, module, other)
		}
	}
}

// A package that is compiled with other flags than nufi's would be compiled twice.
func TestPlainPackagesAreNoneOfNufi(t *testing.T) {
	t.Parallel()
	command := modules(t, "../..", "./cmd/nufi")
	for _, pattern := range plain() {
		prefix, suffix, _ := strings.Cut(pattern, "...")
		for name := range command {
			if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix) {
				t.Errorf("%s matches %s", name, pattern)
			}
		}
	}
}

// modules returns the packages that a program consists of, with their modules.
func modules(t *testing.T, dir, program string) map[string]string {
	t.Helper()
	text, err := output(t.Context(), dir, "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{or .Replace .}}{{end}}", program)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for line := range strings.Lines(text) {
		name, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		of[name] = module
	}
	return of
}

func TestProgressOfABuildHasItsPackagesAndTheTimeLeft(t *testing.T) {
	t.Parallel()
	listed := make(chan string)
	p := packages{list: func() string { return <-listed }}
	p.begin("cached meanwhile")
	p.begin("first")
	got := []string{p.describe(time.Now())}
	listed <- "first 10\nsecond 40\nthird 60\nfourth 100\n"
	p.listing.Wait()
	after := func(elapsed time.Duration) { got = append(got, p.describe(p.since.Add(elapsed))) }
	after(time.Minute)
	p.begin("second")
	after(time.Second)
	after(time.Minute)
	p.begin("third")
	after(45 * time.Second)
	p.begin("fourth")
	after(2 * time.Minute)
	want := []string{
		"2 packages", "2 of 5 packages", "3 of 5 packages", "3 of 5 packages, about 4m left",
		"4 of 5 packages, about 50s left", "5 of 5 packages",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestStalePackagesAreThoseThatABuildCompiles(t *testing.T) {
	t.Parallel()
	b := newTestBuilder(t, "package main\n\nimport _ \"example.com/kube/part\"\n\nfunc main() {}\n")
	dir := filepath.Join(b.Checkout, "devcluster")
	write(t, filepath.Join(dir, "part/part.go"), "package part\n\nconst Unique = \""+dir+"\"\n")
	c := Compilation{Dir: dir, Package: ".", Out: filepath.Join(t.TempDir(), "kube")}
	if got := c.stale(t.Context()); !strings.HasPrefix(got, "example.com/kube/part 0\nexample.com/kube ") {
		t.Errorf("stale packages are %q", got)
	}
	if err := c.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := c.stale(t.Context()); strings.Contains(got, "part") {
		t.Errorf("stale packages are %q after a build", got)
	}
}
