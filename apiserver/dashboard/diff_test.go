package dashboard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
)

func TestLinesOfADifferenceHaveTheirKinds(t *testing.T) {
	t.Parallel()
	text := string(diff.Diff("now/a", []byte("a: 1\n- x\n"), "then/a", []byte("a: 2\n- x\n-- y\n")))
	want := []diffLine{
		{"", "--- now/a\n"}, {"", "+++ then/a\n"}, {"", "@@ -1,2 +1,3 @@\n"},
		{"-", "-a: 1\n"}, {"+", "+a: 2\n"}, {"", " - x\n"}, {"+", "+-- y\n"},
	}
	if got := diffLines(text); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}
