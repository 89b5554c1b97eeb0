package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// A file may import a package under the name of a field of another file.
func TestRenamedImportRefersToItsPackage(t *testing.T) {
	t.Parallel()
	rename := strings.NewReplacer(
		`"dudaji.com/nufi/schemas/policy"`, `resolved "dudaji.com/nufi/schemas/policy"`,
		"policy.policy", "resolved.policy",
	)
	renamed := rendertest.Compile(t, edited(t, "schemas/workload/values.cue", rename.Replace))
	deploy := typed(t, []byte(endpointSpec))
	want, err := compiled(t).Render(deploy, render.ProjectSettings{})
	wanted := summary(t, want, err)
	got, err := renamed.Render(deploy, render.ProjectSettings{})
	if diff := cmp.Diff(wanted, summary(t, got, err)); diff != "" {
		t.Errorf("(-own name +another name):\n%s", diff)
	}
}

// Without its messages, the contract has !="" for strings.MinRunes(1).
func TestFileOfTheContractMayImportStringsForOneBound(t *testing.T) {
	t.Parallel()
	for _, imports := range []string{`import "strings"` + "\n\n#Metadata: generateName?: strings", `import s "strings"` + "\n\n#Metadata: generateName?: s"} {
		module := edited(t, "schemas/npudeploy/npudeploy.cue", func(content string) string {
			return strings.Replace(content, "package npudeploy\n", "package npudeploy\n\n"+imports+".MinRunes(1)\n", 1)
		})
		if _, err := rendertest.Compile(t, module).Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{}); err != nil {
			t.Errorf("%s: %v", imports, err)
		}
	}
}
