// Command trim writes a copy of KEDA's module that compiles in minutes. With all of its scalers KEDA has 3,300
// packages, most of them clients of clouds and of databases. The copy has Prometheus' scaler, which NuFi's
// ScaledObjects use, no other, and reads no secrets from vaults. Its controller and its scale loop are KEDA's,
// unchanged.
//
//	go build -modfile="$(go run ./trim DIR)" .
//
// Files of the module that match leftOut are not copied, and those in _keda are added.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// keda and version are the module that leftOut and _keda were compared with.
const keda, version = "github.com/kedacore/keda/v2", "v2.21.0"

var leftOut = []string{
	"pkg/scalers/*.go", // But for those in kept.
	"pkg/scalers/aws/*.go",
	"pkg/scalers/azure/*.go",
	"pkg/scalers/gcp/gcp_stackdriver_client.go",
	"pkg/scaling/resolver/*_handler.go", // Of vaults.
	"pkg/eventemitter/azure_*.go",
	"pkg/util/ginkgo_reporter.go", // Of KEDA's tests.
}

var kept = []string{"pkg/scalers/scaler.go", "pkg/scalers/prometheus_scaler.go"}

// builder has a case for each scaler.
const builder = "pkg/scaling/scalers_builder.go"

var otherCase = regexp.MustCompile(`\tcase "[^:]*:\n\t\treturn scalers\.New.*\n`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./trim DIR")
		os.Exit(2)
	}
	modfile, err := trim(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(modfile)
}

// trim writes the copy, and a go.mod that replaces KEDA by it. It returns the path of that.
func trim(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	source, err := module()
	if err != nil {
		return "", err
	}
	target := filepath.Join(dir, "keda")
	if err := errors.Join(copyFiles(os.DirFS(source), target, isUsed), copyFiles(os.DirFS("trim/_keda"), target, isGo)); err != nil {
		return "", err
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", keda, target)
	modfile := filepath.Join(dir, "go.mod")
	return modfile, errors.Join(os.WriteFile(modfile, mod, 0o600), os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
}

// module returns the folder of KEDA's module.
func module() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", keda)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", keda, err)
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(output, &module); err != nil {
		return "", err
	}
	if module.Version != version {
		return "", fmt.Errorf("go.mod has KEDA %s: compare leftOut and _keda with it, and change version", module.Version)
	}
	return module.Dir, nil
}

func isGo(file string) bool {
	return strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go")
}

// isUsed reports whether a file of the module is copied.
func isUsed(file string) bool {
	return file == "go.mod" || isGo(file) && (matches(kept, file) || !matches(leftOut, file))
}

func matches(patterns []string, file string) bool {
	for _, pattern := range patterns {
		if matched, _ := path.Match(pattern, file); matched {
			return true
		}
	}
	return false
}

// copyFiles copies the chosen files. The builder keeps only the case of Prometheus.
func copyFiles(from fs.FS, to string, isChosen func(string) bool) error {
	return fs.WalkDir(from, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isChosen(file) {
			return err
		}
		content, err := fs.ReadFile(from, file)
		if err != nil {
			return err
		}
		if file == builder {
			content = otherCase.ReplaceAllFunc(content, func(text []byte) []byte {
				if strings.Contains(string(text), `"prometheus"`) {
					return text
				}
				return nil
			})
		}
		target := filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
}
