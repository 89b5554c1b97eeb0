package bundle_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each program has an image that needs no privilege, made from a pinned compiler of
// the version that go.mod asks for.
func TestEachProgramHasAnImage(t *testing.T) {
	t.Parallel()
	root := filepath.Dir(bundle(t))
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
			t.Errorf("%s compiles with Go %s, go.mod wants %s", file, compiler, version)
		}
		last := find(t, file, `(?ms)^(FROM scratch\n.*)\z`)
		for _, line := range []string{"COPY --from=build /out/" + name + " /" + name, "USER 65532:65532", `ENTRYPOINT ["/` + name + `"]`} {
			if !strings.Contains(last, line+"\n") {
				t.Errorf("the last stage of %s lacks %s", file, line)
			}
		}
		find(t, file, `(ENV CGO_ENABLED=0 )`)
		if speaksTLS := name == "nufi" || name == "nufi-apiserver"; speaksTLS != strings.Contains(last, "ca-certificates.crt") {
			t.Errorf("%s speaks TLS with the world: %t; the last stage of %s says otherwise", name, speaksTLS, file)
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
		t.Fatalf("%s has nothing like %s", file, expression)
	}
	return string(match[1])
}
