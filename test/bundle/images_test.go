package bundle_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each program has an image that needs no privilege, built by a pinned compiler of the
// version in go.mod.
func TestEachProgramHasAnImage(t *testing.T) {
	t.Parallel()
	root := repository(t)
	programs, err := filepath.Glob(filepath.Join(root, "cmd", "*", "main.go"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("finding programs: %v, %d found", err, len(programs))
	}
	version := find(t, filepath.Join(root, "go.mod"), `(?m)^go (1\.\d+)`)
	for _, program := range programs {
		name := filepath.Base(filepath.Dir(program))
		file := filepath.Join(root, "build", name+".Dockerfile")
		compiler := find(t, file, `(?m)^ARG GO_IMAGE=golang:(1\.\d+)\.\d+-`)
		if compiler != version {
			t.Errorf("%s compiles with Go %s, go.mod names %s", file, compiler, version)
		}
		last := find(t, file, `(?ms)^(FROM scratch\n.*)\z`)
		for _, line := range []string{"COPY --from=build /out/" + name + " /" + name, "USER 65532:65532", `ENTRYPOINT ["/` + name + `"]`} {
			if !strings.Contains(last, line+"\n") {
				t.Errorf("the last stage of %s lacks %s", file, line)
			}
		}
		find(t, file, `(ENV CGO_ENABLED=0 )`)
		if callsTLS := name == "nufi" || name == "nufi-apiserver"; callsTLS != strings.Contains(last, "ca-certificates.crt") {
			t.Errorf("%s calls TLS servers: %t; the last stage of %s does not match", name, callsTLS, file)
		}
		find(t, file, `(go build .*-X github.com/dudaji/nufi/cmd/internal/program\.version=\$\{VERSION\}.* \./cmd/`+name+`\n)`)
	}
}

// find returns what the expression's group matches in the file.
func find(t *testing.T, file, expression string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(expression).FindSubmatch(text)
	if match == nil {
		t.Fatalf("%s has no match for %s", file, expression)
	}
	return string(match[1])
}
