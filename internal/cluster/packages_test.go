package cluster

import (
	"strings"
	"testing"
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
	controlPlane, command := packages(t, "../../devcluster", "."), packages(t, "../..", "./cmd/nufi")
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

// packages returns the packages that a program consists of, with their modules.
func packages(t *testing.T, dir, program string) map[string]string {
	t.Helper()
	text, err := output(t.Context(), dir, "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{or .Replace .}}{{end}}", program)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for line := range strings.Lines(text) {
		name, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		modules[name] = module
	}
	return modules
}
