package templates_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/templates"
)

func TestDiffHasChangedAddedAndDeletedFiles(t *testing.T) {
	t.Parallel()
	file := func(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }
	before := fstest.MapFS{"same.cue": file("a: 1\n"), "policy.cue": file("b: 1\n"), "old.cue": file("c: 1\n")}
	after := fstest.MapFS{"same.cue": file("a: 1\n"), "policy.cue": file("b: 2\n"), "new/file.cue": file("d: 1\n")}
	got, err := templates.Diff("A", before, "B", after)
	if err != nil {
		t.Fatal(err)
	}
	want := `diff A/new/file.cue B/new/file.cue
--- A/new/file.cue
+++ B/new/file.cue
@@ -0,0 +1,1 @@
+d: 1
diff A/old.cue B/old.cue
--- A/old.cue
+++ B/old.cue
@@ -1,1 +0,0 @@
-c: 1
diff A/policy.cue B/policy.cue
--- A/policy.cue
+++ B/policy.cue
@@ -1,1 +1,1 @@
-b: 1
+b: 2
`
	if delta := cmp.Diff(want, string(got)); delta != "" {
		t.Errorf("diff (-want +got):\n%s", delta)
	}
	if same, err := templates.Diff("A", before, "A", before); err != nil || len(same) > 0 {
		t.Errorf("a set differs from itself: %v: %s", err, same)
	}
}
