package main

import (
	"errors"
	"strings"
	"testing"
)

func TestRewriteReplacesSections(t *testing.T) {
	t.Parallel()
	const page = "before\n\n<!-- begin generated: a -->\nold\n<!-- end generated -->\n\nbetween <!-- begin generated: b -->\n<!-- end generated -->\nafter\n"
	const want = "before\n\n<!-- begin generated: a -->\n\nA\n\n<!-- end generated -->\n\nbetween <!-- begin generated: b -->\n\nB\n\n<!-- end generated -->\nafter\n"
	upper := func(name string) (string, error) { return strings.ToUpper(name) + "\n", nil }
	got, err := rewrite(page, upper)
	if err != nil || got != want {
		t.Errorf("page is %q (%v), want %q", got, err, want)
	}
	if again, err := rewrite(got, upper); err != nil || again != want {
		t.Errorf("the second page is %q (%v), want %q", again, err, want)
	}
}

func TestRewriteRejectsAnOpenSection(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"<!-- begin generated: a -->\n", "<!-- begin generated: a"} {
		if _, err := rewrite(page, func(string) (string, error) { return "", nil }); !errors.Is(err, errNotClosed) {
			t.Errorf("%q: error is %v, want %v", page, err, errNotClosed)
		}
	}
}
