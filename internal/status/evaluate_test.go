package status_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

var update = flag.Bool("update", false, "rewrite the conditions in testdata")

// Each file in testdata is one case: a description, the observations, and the conditions.
func TestEvaluateMatchesTestdata(t *testing.T) {
	for _, name := range caseFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive := open(t, name)
			got := format(status.Evaluate(parse(t, string(archive.Files[0].Data))))
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("conditions differ (-want +got); -update rewrites them:\n%s", diff)
			}
		})
	}
}

func caseFiles(tb testing.TB) []string {
	tb.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		tb.Fatalf("listing testdata: %v, %d files", err, len(names))
	}
	return names
}

// open returns the archive with its two files, observed.yaml and conditions.
func open(tb testing.TB, name string) *txtar.Archive {
	tb.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	if len(archive.Files) == 1 {
		archive.Files = append(archive.Files, txtar.File{Name: "conditions"})
	}
	if len(archive.Files) != 2 || archive.Files[0].Name != "observed.yaml" {
		tb.Fatalf("%s: want the files observed.yaml and conditions", name)
	}
	return archive
}

// format prints a status, and each message once.
func format(evaluated v1.NpuDeployStatus) string {
	var text strings.Builder
	for _, condition := range evaluated.Conditions {
		fmt.Fprintf(&text, "%s %s %s (generation %d, since %s)\n", condition.Type, condition.Status, condition.Reason,
			condition.ObservedGeneration, condition.LastTransitionTime.UTC().Format("15:04:05"))
		if message := "    " + condition.Message + "\n"; !strings.Contains(text.String(), message) {
			text.WriteString(message)
		}
	}
	fmt.Fprintf(&text, "%d pods, %d ready\n", evaluated.Replicas, evaluated.ReadyReplicas)
	if evaluated.Image != "" {
		text.WriteString("image " + evaluated.Image + "\n")
	}
	return text.String()
}
